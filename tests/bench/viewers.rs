//! What an event costs while others watch: an engine of many tickets, without viewers and with some.
//!
//! `cargo bench --bench viewers`, or `-- ROUNDS` after it.

mod figures;

use std::sync::Arc;
use std::time::Instant;

use aotui::bus::{Batch, EngineEnd, Link, bus};
use aotui::domain::command::{Command, TicketAction};
use aotui::domain::fleet::{Fleet, Input, Outbox, Policy};
use aotui::domain::ids::TicketKey;
use aotui::domain::time::Timestamp;
use aotui::ipc::{Server, connect};
use figures::{Figures, Outcome, millis, rounds};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const TICKETS: usize = 1000;
const VIEWERS: usize = 3;
const ALONE: &str = "floor: answered, nobody watches";
const WATCHED: &str = "answered, 3 viewers watch";
const SEEN: &str = "seen by all 3 viewers";
const WHOLE: &str = "not done: the whole fleet as JSON, written and read";

/// Steps the real fleet and keeps nothing on disk, so that what is measured is the telling.
async fn engine(mut end: EngineEnd, mut fleet: Fleet) {
    while let Some(request) = end.commands.recv().await {
        let mut out = Outbox::default();
        fleet.step(Timestamp(1), Input::Command(request.command), &mut out);
        end.publisher.publish(Arc::new(fleet.clone()), Batch { events: out.events, live_changed: out.live_changed });
        let _asker_left = request.reply.send(out.rejection.map_or(Ok(()), Err));
    }
}

fn fleet() -> Outcome<Fleet> {
    let mut fleet = Fleet { policy: Policy { dispatch: false, ..Policy::default() }, ..Fleet::default() };
    let plan = serde_json::from_value(json!({ "id": "pay", "name": "Payments" }))?;
    let mut commands = vec![Command::PutPlan { plan }];
    for n in 0..TICKETS {
        let brief = json!({ "key": format!("pay/T-{n}"), "title": "Make it better", "description": "x".repeat(2000) });
        commands.push(Command::PutTicket { brief: serde_json::from_value(brief)?, order: 0, blocked_by: Vec::new() });
    }
    commands.into_iter().for_each(|command| fleet.step(Timestamp(1), Input::Command(command), &mut Outbox::default()));
    Ok(fleet)
}

/// Holds a ticket or lets it go on: one event.
async fn toggle(link: &Link, key: &TicketKey, pause: bool) -> Outcome<()> {
    let action = if pause { TicketAction::Pause } else { TicketAction::Resume };
    Ok(link.command(Command::Ticket { key: key.clone(), action }).await?)
}

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let temp = tempfile::tempdir()?;
    let path = temp.path().join("engine.control");
    let fleet = fleet()?;
    let (end, link) = bus(Arc::new(fleet.clone()));
    tokio::spawn(engine(end, fleet));
    tokio::spawn(Server::bind(&path)?.serve(link.clone(), CancellationToken::new()));
    let key: TicketKey = "pay/T-500".parse()?;
    let mut figures = Figures::default();
    for _ in 0..rounds(200) {
        let started = Instant::now();
        toggle(&link, &key, true).await?;
        figures.add(ALONE, millis(started.elapsed()));
        toggle(&link, &key, false).await?;

        let mut viewers = Vec::new();
        for _ in 0..VIEWERS {
            viewers.push(connect(&path).await?.ok_or("nobody listens")?);
        }
        let started = Instant::now();
        toggle(&link, &key, true).await?;
        figures.add(WATCHED, millis(started.elapsed()));
        let seq = link.fleet().seq;
        for viewer in &viewers {
            viewer.watch().wait_for(|fleet| fleet.seq >= seq).await?;
        }
        figures.add(SEEN, millis(started.elapsed()));
        toggle(&link, &key, false).await?;

        figures.time(WHOLE, || {
            let text = serde_json::to_vec(&*link.fleet())?;
            let _read: Fleet = serde_json::from_slice(&text)?;
            Ok(())
        })?;
    }
    figures.print(&format!("one event of {TICKETS} tickets"), ALONE);
    Ok(())
}
