//! The service behind the farm's door: takes requests that may pass, and events.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use http::request::Parts;
use http::{HeaderValue, Response};
use s3s::Body;
use serde_json::{Value, json};

use super::event::{Event, History, HistoryError};
use super::history::Queue;
use super::operations::{Operation, Query};
use crate::access::Guard;
use crate::outputs::QueueLocation;
use crate::refusal::Refusal;
use crate::service::{DEADLINE, Service};
use crate::signed::Signed;
use crate::store::Store;

/// One queue of one farm.
pub(crate) struct Deadline {
    inner: RwLock<Inner>,
    guard: Guard,
}

struct Inner {
    queue: Queue,
    step: usize,
    steps_left: std::vec::IntoIter<Vec<Event>>,
}

impl Deadline {
    pub(crate) fn new(location: QueueLocation, store: Arc<Store>, guard: Guard) -> Self {
        let queue = Queue::new(location, store, guard.clone());
        Self { inner: RwLock::new(Inner { queue, step: 0, steps_left: Vec::new().into_iter() }), guard }
    }

    /// The name of the operation that a request asks for.
    pub(crate) fn operation(head: &Parts) -> Option<&'static str> {
        Some(Operation::at(&head.method, head.uri.path().strip_prefix(DEADLINE)?)?.name())
    }

    pub(crate) fn answer(&self, head: &Parts, body: &[u8], signed: &Signed) -> Response<Body> {
        match self.try_answer(head, body, signed) {
            Ok(answer) => json_response(&answer),
            Err(refusal) => refusal.response(Service::Deadline),
        }
    }

    fn try_answer(&self, head: &Parts, body: &[u8], signed: &Signed) -> Result<Value, Refusal> {
        let caller = Service::Deadline.authenticate(head, body, signed, &self.guard)?;
        let path = head.uri.path().strip_prefix(DEADLINE).unwrap_or_default();
        let operation = Operation::at(&head.method, path).ok_or_else(|| {
            Refusal::new(404, "UnknownOperationException", "The farm has no such operation.")
        })?;
        if caller.role_until.is_some() {
            let message = format!("The queue's role may not call {}.", operation.name());
            return Err(Refusal::new(403, "AccessDeniedException", message));
        }
        let query = Query::new(head.uri.query().unwrap_or_default());
        self.read().queue.answer(operation, &query, body, &self.guard)
    }

    /// Lets events happen now.
    pub(crate) fn happen(&self, events: Vec<Event>) -> Result<Value, HistoryError> {
        self.write().queue.happen(events)
    }

    /// Takes a history, of which nothing has happened yet.
    pub(crate) fn load(&self, history: History) {
        let mut inner = self.write();
        inner.step = 0;
        inner.steps_left = history.steps.into_iter();
    }

    /// Lets the history's next step happen.
    pub(crate) fn step(&self) -> Result<Value, HistoryError> {
        let mut inner = self.write();
        let Some(events) = inner.steps_left.next() else {
            return Err(HistoryError("the history has no further step".to_owned()));
        };
        inner.step += 1;
        inner.queue.happen(events)
    }

    pub(crate) fn overview(&self) -> Value {
        let inner = self.read();
        let mut overview = inner.queue.names();
        overview["step"] = json!(inner.step);
        overview["stepsLeft"] = json!(inner.steps_left.len());
        overview
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json_response(answer: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.to_string()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
