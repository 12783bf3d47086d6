//! The farm as a client meets it, service by service.

mod client;
mod deadline;
mod rules;
mod s3;
