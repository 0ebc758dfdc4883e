#[cfg(test)]
mod holder;
mod practice;
