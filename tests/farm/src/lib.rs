//! An embedded farm: what tests and the demo run against instead of AWS.
//!
//! [`Farm`] is an S3 server on the loopback interface that checks signatures, keeps its objects in
//! memory and remembers every request, so that a test can also claim that *no* request was made.
//! [`Rule`]s make it late, faulty or wrong. [`outputs`] writes what a render worker would have
//! written. [`deadline`] is a queue of Deadline Cloud, whose jobs do so as tests tell. [`show`] is a
//! small rendered job that is worth looking at.
//!
//! Nothing here uses the product's own crates: keys, hashes and manifests are built a second time,
//! on purpose, so that a mistake in the product cannot hide behind the same mistake here.

mod access;
mod clock;
mod control;
pub mod deadline;
mod farm;
mod faulty_body;
mod gate;
mod judge;
mod object;
pub mod outputs;
mod refusal;
mod requests;
mod rule;
mod s3;
mod server;
mod service;
pub mod show;
mod signed;
mod store;
mod sts;
mod tls;
mod wire;
mod work;

pub use access::{ACCOUNT_ID, Credentials};
pub use farm::{Farm, FarmError, FarmOptions, REGION};
pub use object::Object;
pub use requests::RequestRecord;
pub use rule::{Effect, Often, Requests, Rule};
pub use work::{Work, WorkError};
