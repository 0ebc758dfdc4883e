//! Watches over the processes that wait for a person's answer, without looking again and again.

use std::io::{self, Read};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Semaphore;

use crate::domain::ids::RequestId;
use crate::holder::files::SessionDir;
use crate::report;

/// Requests watched at the same time, so that a mad agent cannot use up our descriptors.
const AT_ONCE: usize = 256;

/// Who watches.
pub(super) struct Watches(Semaphore);

impl Default for Watches {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Watches {
    /// Waits until the process that put `request` is gone; returns false where that cannot be known.
    pub(super) async fn until_gone(&self, dir: &SessionDir, request: &RequestId) -> bool {
        let Ok(_turn) = self.0.try_acquire() else { return false };
        match ended(dir, request).await {
            Ok(gone) => {
                if gone {
                    report::forget(dir.path(), request);
                }
                gone
            }
            Err(error) => {
                tracing::warn!("who asks {request} in {} cannot be watched: {error}", dir.path().display());
                false
            }
        }
    }
}

/// Waits for the end of the pipe; returns false where there is none.
async fn ended(dir: &SessionDir, request: &RequestId) -> io::Result<bool> {
    let Some(mut file) = report::listen(dir.path(), request)? else { return Ok(false) };
    let mut ignored = [0; 256];
    // The system tells of the end only whoever opened the pipe before it; what ended earlier has to be looked for.
    match file.read(&mut ignored) {
        Ok(0) => return Ok(true),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        _ => {}
    }
    let mut pipe = Receiver::from_file(file)?;
    while pipe.read(&mut ignored).await? > 0 {}
    Ok(true)
}
