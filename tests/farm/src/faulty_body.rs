//! Bodies that stop on the way.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Sleep, sleep};

/// So little at once that what was given out is on its way before the body stops.
const FRAME: usize = 64 * 1024;
/// How long what was given out may take until the connection ends.
const FLUSH: Duration = Duration::from_millis(20);
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// Bytes up to a point, a pause, and then what is left of them.
pub(crate) struct FaultyBody {
    rest: Bytes,
    before: usize,
    pause: Duration,
    then: Then,
    waiting: Option<Pin<Box<Sleep>>>,
}

/// What comes after the pause.
#[derive(Clone, Copy)]
enum Then {
    Rest,
    OneByte,
    End,
}

impl FaultyBody {
    pub(crate) fn cut(bytes: Bytes, after: u64) -> Self {
        Self::new(bytes, after, FLUSH, Then::End)
    }

    pub(crate) fn dripping(bytes: Bytes, after: u64, milliseconds: u64) -> Self {
        Self::new(bytes, after, Duration::from_millis(milliseconds), Then::OneByte)
    }

    pub(crate) fn stalled(bytes: Bytes, after: u64, milliseconds: Option<u64>) -> Self {
        Self::new(bytes, after, milliseconds.map_or(FOR_EVER, Duration::from_millis), Then::Rest)
    }

    fn new(rest: Bytes, after: u64, pause: Duration, then: Then) -> Self {
        let before = usize::try_from(after).unwrap_or(usize::MAX);
        Self { rest, before, pause, then, waiting: None }
    }
}

/// Why the body ended: hyper gives a connection up that has an error in mid-body.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule cut the body")
    }
}

impl std::error::Error for Cut {}

impl http_body::Body for FaultyBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if self.before == 0 {
            let pause = self.pause;
            ready!(self.waiting.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(context));
            self.waiting = None;
            self.before = match self.then {
                Then::Rest => usize::MAX,
                Then::OneByte => 1,
                Then::End => return Poll::Ready(Some(Err(Cut))),
            };
        }
        let length = FRAME.min(self.before).min(self.rest.len());
        self.before -= length;
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }
}
