//! What the model does, step by step, and what its service does to it.

/// What happens to requests before they are answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// They are refused; `at` this step alone, and so many `times`.
    Status {
        status: u16,
        kind: &'static str,
        message: &'static str,
        retry_after: Option<u32>,
        at: Option<usize>,
        times: Option<usize>,
    },
    /// The answer breaks off in its middle.
    Drop { at: Option<usize>, times: Option<usize> },
    /// No answer ever comes.
    Hang,
}

/// A tool the model wants used; bound to whatever the agent calls it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Write { path: &'static str, content: &'static str },
    Shell { command: &'static str },
    Ask { question: &'static str, options: [&'static str; 2] },
}

/// One answer of the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) text: &'static str,
    pub(crate) uses: Option<Use>,
}

/// A scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) steps: &'static [Step],
    pub(crate) fault: Option<Fault>,
    /// Milliseconds between two words.
    pub(crate) pause: u64,
    /// Whether the last step comes again for ever.
    pub(crate) repeats: bool,
}

const WRITE: Step = Step {
    text: "I'll create greeting.txt.",
    uses: Some(Use::Write { path: "greeting.txt", content: "Hello, aotui!\n" }),
};
const COMMIT: Step = Step {
    text: "Now I'll commit it.",
    uses: Some(Use::Shell { command: "git add greeting.txt && git commit -q -m 'Add a greeting'" }),
};
const DONE: Step = Step { text: "Done: greeting.txt is there and committed.", uses: None };
const WORK: &[Step] = &[WRITE, COMMIT, DONE];

/// The command that nobody allowed beforehand.
pub(crate) const ASKED_FOR: &str = "sh -c 'printf asked > asked.txt' && git add asked.txt";

const PLAIN: Script = Script { steps: WORK, fault: None, pause: 0, repeats: false };

const fn refused(status: u16, kind: &'static str, message: &'static str) -> Script {
    let fault = Fault::Status { status, kind, message, retry_after: None, at: None, times: None };
    Script { fault: Some(fault), ..PLAIN }
}

/// Returns the scenario of a name.
pub(crate) fn script(name: &str) -> Script {
    match name {
        "success" => PLAIN,
        "permission" => {
            const STEPS: &[Step] = &[
                Step { text: "I need a command.", uses: Some(Use::Shell { command: ASKED_FOR }) },
                WRITE,
                COMMIT,
                DONE,
            ];
            Script { steps: STEPS, ..PLAIN }
        }
        "ask" => {
            const ASK: Use = Use::Ask { question: "Which greeting shall it be?", options: ["Hello", "Good day"] };
            const STEPS: &[Step] = &[
                Step { text: "One question first: which greeting shall it be?", uses: Some(ASK) },
                WRITE,
                COMMIT,
                DONE,
            ];
            Script { steps: STEPS, ..PLAIN }
        }
        "rate_limit" => {
            let message = "This request would exceed your rate limit. Please try again later.";
            let retry_after = Some(1);
            let fault =
                Fault::Status { status: 429, kind: "rate_limit_error", message, retry_after, at: None, times: Some(2) };
            Script { fault: Some(fault), ..PLAIN }
        }
        "quota" => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            let (kind, retry_after) = ("insufficient_quota", Some(7200));
            let fault = Fault::Status { status: 429, kind, message, retry_after, at: None, times: None };
            Script { fault: Some(fault), ..PLAIN }
        }
        "auth_error" => refused(401, "authentication_error", "invalid x-api-key"),
        "overloaded_forever" => refused(529, "overloaded_error", "Overloaded"),
        "context_overflow" => {
            let message = "prompt is too long: 250000 tokens > 200000 maximum";
            let (kind, at) = ("invalid_request_error", Some(1));
            let fault = Fault::Status { status: 400, kind, message, retry_after: None, at, times: None };
            Script { fault: Some(fault), ..PLAIN }
        }
        "crash" => Script { fault: Some(Fault::Drop { at: Some(1), times: None }), ..PLAIN },
        "crash_once" => Script { fault: Some(Fault::Drop { at: Some(1), times: Some(1) }), ..PLAIN },
        "slow" => Script { pause: 300, ..PLAIN },
        "hang" => Script { fault: Some(Fault::Hang), ..PLAIN },
        "max_turns" => {
            const STEPS: &[Step] =
                &[Step { text: "Still working.", uses: Some(Use::Shell { command: "git status --short" }) }];
            Script { steps: STEPS, repeats: true, ..PLAIN }
        }
        other => panic!("no scenario {other}"),
    }
}
