//! Finds tests that prove nothing: those that assert nothing, and those that call nothing but themselves, their own helpers
//! and the standard library.
//!
//! It reads Rust, Python, JavaScript, TypeScript and Go by their lines and braces, not as a compiler does. It sees empty
//! tests, tests without an assertion, and tests whose helpers only give back constants. It does not see a test that calls the
//! code and asserts something that is always true, nor one that mocks away what it is about, nor other languages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use regex_lite::Regex;

/// How a language is read.
struct Language {
    endings: &'static [&'static str],
    /// A line that says that a test follows or begins.
    test: &'static str,
    /// The name of any function that begins in a line.
    function: &'static str,
    /// What counts as an assertion.
    asserts: &'static str,
    /// Whether blocks are told by indentation.
    indented: bool,
}

const LANGUAGES: [Language; 4] = [
    Language {
        endings: &["rs"],
        test: r"^\s*#\[(?:\w+::)*(?:test|rstest|test_case)\b",
        function: r"\bfn (\w+)",
        asserts: r"\b(?:debug_)?(?:prop_)?assert\w*!|\bpanic!|\bunreachable!|\.unwrap\w*\(|\.expect\w*\(|\bmatches!|\?;|\?$|should_panic|insta::",
        indented: false,
    },
    Language {
        endings: &["py"],
        test: r"^\s*(?:async )?def test\w*\(",
        function: r"^\s*(?:async )?def (\w+)\(",
        asserts: r"\bassert\b|\.assert\w+\(|\braises\(|\bfail\(",
        indented: true,
    },
    Language {
        endings: &["js", "jsx", "ts", "tsx", "mjs", "cjs"],
        test: r"^\s*(?:it|test)(?:\.\w+)*\(",
        function: r"\bfunction (\w+)|\b(?:const|let|var) (\w+) = (?:async )?(?:\([^)]*\)|\w+) =>",
        asserts: r"\bexpect\(|\bassert\b|\bassert\.|\.should\b|\bfail\(|toThrow",
        indented: false,
    },
    Language {
        endings: &["go"],
        test: r"^func Test\w*\(",
        function: r"^func (?:\([^)]*\) )?(\w+)\(",
        asserts: r"\bt\.(?:Error|Fatal|Fail)\w*\(|\b(?:assert|require)\.\w+\(|\bt\.Run\(|\bpanic\(",
        indented: false,
    },
];

/// Something that is called, by its last name.
static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"([A-Za-z_]\w*)(!?)(?:::<[^>]*>)?\(").ok());

/// What a test may call without calling the code: keywords, assertions, and what every language has.
const NOT_THE_CODE: &[&str] = &[
    "if",
    "for",
    "while",
    "match",
    "return",
    "fn",
    "def",
    "func",
    "function",
    "switch",
    "catch",
    "assert",
    "assert_eq",
    "assert_ne",
    "panic",
    "matches",
    "vec",
    "format",
    "println",
    "print",
    "eprintln",
    "Some",
    "Ok",
    "Err",
    "None",
    "Box",
    "String",
    "Vec",
    "new",
    "from",
    "into",
    "to_string",
    "to_owned",
    "clone",
    "len",
    "is_empty",
    "unwrap",
    "expect",
    "unwrap_or",
    "unwrap_or_default",
    "is_some",
    "is_none",
    "is_ok",
    "is_err",
    "iter",
    "map",
    "collect",
    "default",
    "str",
    "int",
    "list",
    "dict",
    "set",
    "tuple",
    "isinstance",
    "range",
    "assertEqual",
    "assertTrue",
    "assertFalse",
    "assertIsNone",
    "assertIsNotNone",
    "assertIn",
    "raises",
    "test",
    "it",
    "describe",
    "toBe",
    "toEqual",
    "toBeTruthy",
    "toBeFalsy",
    "toBeNull",
    "toBeDefined",
    "toHaveLength",
    "Error",
    "Errorf",
    "Fatal",
    "Fatalf",
    "Log",
    "Run",
    "Equal",
    "True",
    "False",
    "NoError",
    "Nil",
    "NotNil",
    "make",
    "append",
    "string",
    "async",
    "await",
    "push",
    "push_str",
    "log",
    "as_str",
    "then",
];

/// A test that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fake {
    /// Its name.
    pub(super) name: String,
    /// The number of its first line, from 1.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) why: &'static str,
}

/// A function of a file.
struct Function {
    name: String,
    line: usize,
    is_test: bool,
    body: String,
}

/// Returns the tests of a file that prove nothing, of those that have a line for which `concerns` holds; `None` where the
/// language is not known.
pub(super) fn fakes(path: &Path, text: &str, concerns: impl Fn(usize) -> bool) -> Option<Vec<Fake>> {
    let ending = path.extension()?.to_str()?;
    let language = LANGUAGES.iter().find(|language| language.endings.contains(&ending))?;
    let functions = functions(text, language)?;
    let asserts = Regex::new(language.asserts).ok()?;
    // What stands within a test module or a file of tests helps tests; anything else is the code.
    let is_test_file = is_test_file(path);
    let tests_begin = text.lines().position(|line| line.contains("cfg(test)")).unwrap_or(usize::MAX);
    let helps = |function: &&Function| !function.is_test && (is_test_file || function.line > tests_begin);
    let helpers: BTreeMap<&str, &Function> =
        functions.iter().filter(helps).map(|function| (function.name.as_str(), function)).collect();
    let fakes = functions
        .iter()
        .filter(|function| function.is_test)
        .filter(|test| (test.line..test.line + test.body.lines().count().max(1)).any(&concerns));
    let fakes = fakes.filter_map(|test| {
        let reached = reached(test, &helpers);
        let why = if !reached.iter().any(|function| function.body.lines().any(|line| asserts.is_match(line))) {
            "asserts nothing"
        } else if !reached.iter().any(|function| calls_the_code(&function.body, &helpers)) {
            "calls nothing of the code"
        } else {
            return None;
        };
        Some(Fake { name: test.name.clone(), line: test.line, why })
    });
    Some(fakes.collect())
}

/// Returns whether a file's name says that it holds tests.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let in_dir = path
        .components()
        .any(|part| ["tests", "test", "__tests__", "spec"].contains(&&*part.as_os_str().to_string_lossy()));
    in_dir
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem == "tests"
        || name.contains(".test.")
        || name.contains(".spec.")
}

/// Returns a test with the helpers it uses, and those that they use.
fn reached<'a>(test: &'a Function, helpers: &BTreeMap<&str, &'a Function>) -> Vec<&'a Function> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut reached = vec![test];
    let mut at = 0;
    while let Some(function) = reached.get(at).copied() {
        at += 1;
        for called in called(&function.body) {
            if let Some((name, helper)) = helpers.get_key_value(called.as_str())
                && seen.insert(name)
            {
                reached.push(helper);
            }
        }
    }
    reached
}

fn called(body: &str) -> Vec<String> {
    let Some(call) = CALL.as_ref() else { return Vec::new() };
    let inside = body.split_once(['{', ':']).map_or("", |(_, inside)| inside);
    call.captures_iter(inside).filter_map(|hit| Some(hit.get(1)?.as_str().to_owned())).collect()
}

fn calls_the_code(body: &str, helpers: &BTreeMap<&str, &Function>) -> bool {
    let is_code = |name: &String| !NOT_THE_CODE.contains(&name.as_str()) && !helpers.contains_key(name.as_str());
    called(body).iter().any(is_code)
}

/// Finds the functions of a file, tests among them.
fn functions(text: &str, language: &Language) -> Option<Vec<Function>> {
    let (test, function) = (Regex::new(language.test).ok()?, Regex::new(language.function).ok()?);
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut marked = false;
    for (at, line) in lines.iter().enumerate() {
        let begins_test = test.is_match(line);
        marked |= begins_test;
        let named = function
            .captures(line)
            .and_then(|hit| hit.iter().skip(1).flatten().next().map(|name| name.as_str().to_owned()));
        // JavaScript's tests have a text for a name.
        let quoted = || line.split(['\'', '"', '`']).nth(1).map(str::to_owned);
        let name = named.or_else(|| if begins_test { quoted() } else { None });
        let Some(name) = name else { continue };
        let body = if language.indented { indented(&lines, at) } else { braced(&lines, at) };
        found.push(Function { name, line: at + 1, is_test: marked, body });
        marked = false;
    }
    Some(found)
}

/// Returns the lines from `at` on that are indented more than it is.
fn indented(lines: &[&str], at: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let first = lines.get(at).copied().unwrap_or_default();
    let rest = lines.iter().skip(at + 1).take_while(|line| line.trim().is_empty() || indent(line) > indent(first));
    std::iter::once(first)
        .chain(rest.copied())
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the lines from `at` on up to the brace that closes the first one.
fn braced(lines: &[&str], at: usize) -> String {
    let (mut depth, mut opened) = (0_i64, false);
    let mut body = Vec::new();
    for line in lines.iter().skip(at) {
        let code = line.split("//").next().unwrap_or_default();
        body.push(code);
        for c in code.chars() {
            match c {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth -= 1,
                _ => {}
            }
        }
        if opened && depth <= 0 || !opened && code.trim_end().ends_with(';') {
            break;
        }
    }
    body.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(String, &'static str)> {
        let fakes = fakes(Path::new(path), text, |_| true).unwrap();
        fakes.into_iter().map(|fake| (fake.name, fake.why)).collect()
    }

    #[test]
    fn rust_tests_that_prove_nothing_are_found_and_real_ones_are_not() {
        let text = "
use shop::total;
fn run() -> String { String::new() }
#[test]
fn empty() {}
#[test]
fn only_calls() { total(&[1]); }
#[test]
fn of_a_helper_that_does_nothing() {
    let out = run();
    assert!(out.is_empty());
}
#[test]
fn real() {
    assert_eq!(total(&[1, 2]), 3);
}
#[test]
fn real_by_unwrap() { total(&[]).checked().unwrap(); }
";
        assert_eq!(
            found("tests/shop.rs", text),
            [
                ("empty".to_owned(), "asserts nothing"),
                ("only_calls".to_owned(), "asserts nothing"),
                ("of_a_helper_that_does_nothing".to_owned(), "calls nothing of the code"),
            ]
        );
        let inline = "fn total() -> u32 { 3 }\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn it_adds() { assert_eq!(super::total(), 3); }\n}\n";
        assert_eq!(found("src/lib.rs", inline), []);
    }

    #[test]
    fn other_languages_are_read_too() {
        let python = "from shop import total\n\ndef test_nothing():\n    total([1])\n\ndef test_one():\n    assert 1 + 1 == 2\n\ndef test_real():\n    assert total([1]) == 1\n";
        let why = ["asserts nothing", "calls nothing of the code"];
        assert_eq!(
            found("test_shop.py", python),
            [("test_nothing".to_owned(), why[0]), ("test_one".to_owned(), why[1])]
        );
        let js = "import { total } from './shop';\ntest('nothing', () => {\n  total([1]);\n});\nit('truth', () => {\n  expect(true).toBe(true);\n});\nit('real', () => {\n  expect(total([1])).toBe(1);\n});\n";
        assert_eq!(found("shop.test.js", js), [("nothing".to_owned(), why[0]), ("truth".to_owned(), why[1])]);
        let go = "func TestNothing(t *testing.T) {\n}\nfunc TestReal(t *testing.T) {\n\tif Total(1) != 1 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n";
        assert_eq!(found("shop_test.go", go), [("TestNothing".to_owned(), why[0])]);
        assert_eq!(fakes(Path::new("x.lua"), "", |_| true), None);
    }
}
