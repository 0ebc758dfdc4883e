#[cfg(test)]
#[cfg(test)]
mod demo;
mod holder;
mod practice;
