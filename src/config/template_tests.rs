use super::*;

fn vars(pairs: &[(&str, &str)]) -> Value {
    Value::from(pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect::<BTreeMap<_, _>>())
}

fn rendered(source: &str, variables: &Value) -> Result<String, String> {
    render("p.md", source, variables, |_| None).map_err(|problem| problem.to_string())
}

#[test]
fn values_are_data_and_never_rendered_again() {
    let values = vars(&[("title", "{{ description }} {% for %} $(touch pwned)"), ("description", "secret")]);
    assert_eq!(rendered("{{ title }}", &values).unwrap(), "{{ description }} {% for %} $(touch pwned)");
}

#[test]
fn a_missing_variable_is_an_error_with_line_and_nearest_name() {
    let values = vars(&[("feedback", "x"), ("title", "t")]);
    let error = rendered("a\n{{ title }}\nb {{ feedbck }}\n", &values).unwrap_err();
    assert_eq!(error, "p.md:3:1: `feedbck` has no value here (did you mean `feedback`?)");
}

#[test]
fn a_capture_that_was_not_made_yet_can_be_asked_about_but_not_printed() {
    let values = Value::from(BTreeMap::from([("context".to_owned(), vars(&[("pr_url", "u")]))]));
    let source = "{% if context.nope %}no{% endif %}{{ context.nope | default('-') }}{{ context.pr_url }}";
    assert_eq!(rendered(source, &values).unwrap(), "-u");
    let error = rendered("x\n{{ context.nope }}", &values).unwrap_err();
    assert!(error.starts_with("p.md:2:1: `context.nope` has no value here"), "{error}");
}

#[test]
fn defects_are_found_without_rendering_and_placed() {
    let known = |name: &str| is_name(name) || name == "context.url";
    let found = defects("p.md", "{{ title }}\nfeedbck {# feedbck #}\n  {{ feedbck }}", &known);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_deref(), found[0].line, found[0].column), (Some("feedbck"), 3, 6));
    assert_eq!(defects("p.md", "{{ context.url }}{{ context.ulr }}", &known)[0].name.as_deref(), Some("context.ulr"));
    assert_eq!(defects("p.md", "{% if context.x %}{{ context.x }}{% endif %}", &known), []);
    assert_eq!(defects("p.md", "{{ context.x | default('') }}{% for i in range(3) %}{{ i }}{% endfor %}", &known), []);
    assert_eq!(defects("p.md", "a\n{% if title %}", &known)[0].line, 2);
    assert!(defects("p.md", "{% raw %}{{ nobody }}{% endraw %}", &known).is_empty());
}

#[test]
fn endless_templates_are_stopped() {
    let source = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert!(rendered(source, &vars(&[])).unwrap_err().contains("runs for too long"));
    let error = render("p.md", "{% include 'p.md' %}", &vars(&[]), |_| Some(Ok("{% include 'p.md' %}".to_owned())));
    assert!(error.is_err());
}

#[test]
fn the_process_and_the_files_are_out_of_reach() {
    for source in ["{{ debug() }}", "{% include '/etc/passwd' %}", "{% include '../../x' %}", "{{ ''.__class__ }}"] {
        assert!(rendered(source, &vars(&[])).is_err(), "{source}");
    }
}
