//! Tests that drive the built binary. `#[cfg(test)]` on each module lets them unwrap under the house's lints.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod attribution;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod everything;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod holder;
#[cfg(test)]
mod house;
#[cfg(test)]
mod journals;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod monitor;
#[cfg(test)]
mod older;
#[cfg(test)]
mod older_defects;
#[cfg(test)]
mod people;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod planning;
#[cfg(test)]
mod practice;
#[cfg(test)]
mod real;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod talks;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod torture;
#[cfg(test)]
mod walks;
