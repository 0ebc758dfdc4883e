//! `aotui replay`: decides a journal again and says whether everything came out the same.

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::plain;
use crate::domain::event::Event;
use crate::domain::fleet::{Difference, Fleet, Replay, Told};
use crate::domain::problem::Problem;
use crate::store::Snapshot;

/// A journal with what it is compared with.
#[derive(Debug, Default)]
pub struct Material {
    /// How everything stood before the first step; `None` where nobody knows.
    pub before: Option<Fleet>,
    /// The steps in order.
    pub steps: Vec<Told>,
    /// What is damaged.
    pub problems: Vec<Problem>,
    /// What tickets' files say.
    pub snapshots: Vec<Snapshot>,
}

/// Replays it and returns what to print; a difference is a failure.
pub fn replay(material: Material) -> Result<String, Failure> {
    let Material { before, steps, problems, mut snapshots } = material;
    let first = steps.first().and_then(|told| told.events.first()).map_or(1, |first| first.seq);
    let Some(before) = before.filter(|before| before.seq.saturating_add(1) == first) else {
        return Err(Failure::usage(format!(
            "this journal begins with event {first}, and what was before is not known"
        ))
        .hint("give the whole state directory: it keeps what was before its oldest journal"));
    };
    let (mut replay, mut events) = (Replay::new(before), 0);
    let (mut agree, mut differ) = (0, Vec::new());
    for told in steps {
        events += told.events.len();
        replay.take(told).map_err(|difference| differs(&difference))?;
        let fleet = replay.fleet();
        let (here, later) = snapshots.into_iter().partition(|snapshot: &Snapshot| snapshot.seq == fleet.seq);
        snapshots = later;
        for snapshot in here {
            match fleet.ticket(&snapshot.key) {
                Some(ticket) if ticket.progress == snapshot.progress => agree += 1,
                _ => differ.push(snapshot.key),
            }
        }
    }
    let mut text = format!("{events} events of {} steps: ", replay.decided + replay.applied);
    text.push_str(&match (replay.decided, replay.applied) {
        (_, 0) => "everything is decided the same again\n".to_owned(),
        (0, _) => "none says what it reacted to, so nothing could be decided again\n".to_owned(),
        (decided, applied) => format!(
            "{decided} are decided the same again; {applied} do not say what they reacted to, or come after a gap\n"
        ),
    });
    if agree > 0 {
        text.push_str(&format!("{agree} tickets' files say what the journal says\n"));
    }
    for problem in &problems {
        text.push_str(&format!("damaged: {}\n", plain(&problem.to_string())));
    }
    if !differ.is_empty() {
        let names: Vec<String> = differ.iter().map(ToString::to_string).collect();
        return Err(Failure::error(format!("{text}files of tickets say something else: {}", names.join(", "))));
    }
    Ok(text)
}

fn differs(difference: &Difference) -> Failure {
    let Difference { seq, input, recorded, decided } = difference;
    let event = |event: &Option<Event>| event.as_ref().map_or("nothing".to_owned(), json);
    let message = format!(
        "event {seq} is decided differently now\n  input     {}\n  recorded  {}\n  now       {}",
        json(input),
        event(recorded),
        event(decided),
    );
    Failure::new(Exit::Error, message).hint("the journal is of another version of the rules, or this is a defect")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).map_or_else(|error| error.to_string(), |text| plain(&text))
}
