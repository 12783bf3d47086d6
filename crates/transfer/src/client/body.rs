//! Reads an answer's body, and tells one that merely drips from one that is slow.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;

/// What is less than a packet holds gets nobody any further, however often it comes.
pub(crate) const PROGRESS: u64 = 1024;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Body {
    pub response: Response,
    patience: Duration,
    /// How long the caller waited for what was received. What the caller does between is not the service's fault.
    waited: Duration,
    received: u64,
}

/// Why a body, or a whole exchange, did not come to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection failed, or nothing came in time.
    Connection(reqwest::Error),
    /// Bytes come, but so slowly that the end would never be seen.
    Dripping,
    /// The answer ended in good order before all was there.
    Short,
}

impl From<reqwest::Error> for Broken {
    fn from(cause: reqwest::Error) -> Self {
        Self::Connection(cause)
    }
}

impl Body {
    /// The body of `response`, of which each `patience` of waiting must bring some.
    pub(crate) fn new(response: Response, patience: Duration) -> Self {
        Self { response, patience, waited: Duration::ZERO, received: 0 }
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        let asked = Instant::now();
        let Some(chunk) = self.response.chunk().await? else { return Ok(None) };
        self.waited += asked.elapsed();
        self.received += chunk.len() as u64;
        if self.waited >= self.patience {
            if self.received < PROGRESS {
                return Err(Broken::Dripping);
            }
            (self.waited, self.received) = (Duration::ZERO, 0);
        }
        Ok(Some(chunk))
    }
}
