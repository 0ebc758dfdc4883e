//! Stories of single tickets, and random lives of whole fleets.

mod budgets;
mod choices;
mod crowds;
mod failing;
mod gates;
mod graphs;
mod hands;
mod nights;
mod overnight;
mod random;
mod rules;
mod stories;
mod talk;
mod walks;
mod watch;
mod whole;
mod world;
