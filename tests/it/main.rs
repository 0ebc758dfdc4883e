#[cfg(test)]
mod holder;
