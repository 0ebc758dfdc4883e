//! Steps that wait for a person: through aotui or at the keyboard, whichever comes first.

use super::{FRAME, Halt, Player, Style};
use crate::domain::session::{Answer, Ask};
use crate::practice::files;
use crate::practice::story::{Permission, Question};
use crate::report::Asking;

impl Player {
    pub(super) fn permission(&mut self, asked: &Permission) -> Result<(), Halt> {
        self.screen.line(Style::Strong, &format!("● {}({})", asked.tool, asked.detail));
        self.screen.line(Style::Asking, &format!("  May I use {}?", asked.tool));
        if let Some(reason) = &asked.reason {
            self.screen.line(Style::Dim, &format!("  {reason}"));
        }
        self.screen.line(Style::Asking, "  y yes, this once   n no");
        let ask = Ask::Permission {
            tool: asked.tool.clone(),
            detail: asked.detail.clone(),
            reason: asked.reason.clone(),
            target: None,
        };
        self.keyboard.single_keys = true;
        let answer = self.wait_for_answer(ask, |line| match line {
            "y" | "yes" => Some(Answer::Allow),
            "n" | "no" => Some(Answer::Deny { message: String::new() }),
            _ => None,
        });
        self.keyboard.single_keys = false;
        match answer? {
            Answer::Deny { message } => {
                self.result("denied; going on without it");
                if !message.is_empty() {
                    self.note(&message);
                }
                Ok(())
            }
            Answer::Allow | Answer::Reply { .. } => {
                self.result("allowed");
                self.play(&asked.then)
            }
        }
    }

    pub(super) fn question(&mut self, asked: &Question) -> Result<(), Halt> {
        self.screen.line(Style::Asking, &format!("? {}", asked.text));
        for (at, option) in asked.options.iter().enumerate() {
            self.screen.line(Style::Asking, &format!("  {} {option}", at + 1));
        }
        let options = asked.options.clone();
        let ask = Ask::Question { text: asked.text.clone(), options: options.clone() };
        let answer = self.wait_for_answer(ask, move |line| {
            let chosen = line.parse::<usize>().ok().and_then(|n| options.get(n.checked_sub(1)?));
            Some(Answer::Reply { text: chosen.cloned().unwrap_or_else(|| line.to_owned()) })
        })?;
        let reply = match answer {
            Answer::Reply { text } => text,
            Answer::Allow => "yes".into(),
            Answer::Deny { message } if message.is_empty() => "no".into(),
            Answer::Deny { message } => message,
        };
        self.result(&reply);
        let path = asked.path.clone().unwrap_or_else(|| self.notes_file());
        let record = format!("{}\n  {}\n", asked.text, reply.replace('\n', "\n  "));
        self.reply = reply;
        files::append(&self.scene.root, &path, &record)
    }

    /// Puts a request and waits; a line that `understand` takes for an answer withdraws it.
    fn wait_for_answer(&mut self, ask: Ask, understand: impl Fn(&str) -> Option<Answer>) -> Result<Answer, Halt> {
        let reporter = self.scene.reporter.clone();
        if reporter.is_none() && !self.screen.is_terminal() {
            return Err(Halt::Failed("nobody can answer: this is neither a session of aotui nor a terminal".into()));
        }
        let failed = |error: crate::report::ReportError| Halt::Failed(error.to_string());
        let asking: Option<Asking> = reporter.as_ref().map(|it| it.ask(ask)).transpose().map_err(failed)?;
        self.doing = "Waiting for you";
        loop {
            let line = self.listen(FRAME)?;
            let spoken = reporter.as_ref().zip(asking.as_ref().map(|asking| &asking.id));
            if let Some(answer) = spoken.and_then(|(reporter, request)| reporter.answered(request)) {
                return Ok(answer);
            }
            let Some(line) = line else { continue };
            let Some(answer) = understand(&line) else {
                self.note(&line);
                continue;
            };
            if let Some((reporter, request)) = spoken {
                reporter.withdraw(request.clone()).map_err(failed)?;
            }
            return Ok(answer);
        }
    }
}
