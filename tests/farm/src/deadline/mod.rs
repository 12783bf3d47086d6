//! Deadline Cloud as a client meets it: a queue's jobs, told as a history of events.
//!
//! The farm answers the operations below on the port that it answers S3 on, and STS
//! `GetCallerIdentity`. They are told apart by the address (`/2023-10-12/…`; `POST /`) and must be
//! signed for their own service. Nothing happens in the queue by itself: tests say what happened.
//!
//! ```text
//! POST /_farm/events          a JSON array of events; they happen now      -> names and ids
//! POST /_farm/history/step    the next step of `farm --history FILE`       -> names and ids
//! GET  /_farm/history         { step, stepsLeft, jobs, storageProfiles }
//! ```
//!
//! `FILE` holds `{ "steps": [[event, …], …] }`; the first step happens at the start. Names and ids
//! are `{ "jobs": { name: { jobId, steps: { name: stepId }, sessions: { name: sessionId } } },
//! "storageProfiles": { name: storageProfileId } }`, of what the events touched, or of all. The ids
//! of one name are the same in every run. An event that makes no sense is answered with 400 and the
//! reason; those before it in the array have happened.
//!
//! Every event may say `"secondsAgo": 12.5`: when it happened, before now. Other fields, where `?`
//! marks what may be absent:
//!
//! ```text
//! { "event": "settings", viewLagSeconds?, roleSeconds?, bucketNeedsRole?, manifests?, microseconds? }
//!     How late the view is that SearchJobs reads (0); how long a queue role's credentials live (3600);
//!     whether S3 refuses all others (false); whether session actions name their manifests (true);
//!     whether times have microseconds, not milliseconds (false). What is absent stays as it was.
//! { "event": "storageProfile", name, osFamily, locations: [{ name, path, type }] }
//! { "event": "job", name, storageProfile?, roots?: [{ path, format, location? }],
//!   steps?: [{ name, tasks }], priority? }
//!     Submitted, all tasks READY. Without roots it has no attachments. Steps: one, "render", of one task.
//! { "event": "session", job, name }
//!     A worker starts: the session's actions 0 and 1 fetch inputs (if there are roots) and enter the
//!     environment.
//! { "event": "task", job, session, step?, task? | chunk?, status?, files?, manifests?, uploadedSecondsAgo? }
//!     The task (0), or a chunk of tasks as one action without a task id and with a manifest of the
//!     step, is now SUCCEEDED, or FAILED, CANCELED, INTERRUPTED or RUNNING. The session's next action,
//!     or the one of the same tasks that is still RUNNING. What succeeded wrote its files: content and
//!     one manifest for each root that has any. `step` is the first by default.
//!     files: [{ root? (index), path, text? | bytes?, seed?, mtime? (µs since the epoch) }]
//! { "event": "requeue", job, step?, tasks? }            READY again; by default all tasks that ended
//! { "event": "sessionEnded", job, name }                after leaving the environment, as one more action
//! { "event": "jobEnded", job, status }                  CANCELED, SUSPENDED or FAILED, with all open tasks
//! { "event": "jobDeleted", job }
//! { "event": "damage", job, path, root?, how }          the content that the newest file of this path has
//!     in S3: "wrongBytes", "cutShort", "missing", or "none" to make it whole again
//! { "event": "bulk", name, jobs, tasks, files, bytes, storageProfile?, sessions?, running? }
//!     For benchmarks: so many jobs "name/0"…, each with so many succeeded tasks of so many files.
//!     Their root is /mnt/bulk, in the location "Bulk". `running` leaves each job one task more, READY.
//! ```
//!
//! A job ends by itself once all its tasks have. SearchJobs' answers are summaries: attachments and
//! the storage profile are GetJob's to say. For throttling and latency there are [`Rule`](crate::Rule)s,
//! which can be about an operation: `{ "requests": { "operation": "SearchJobs" }, … }`.

mod event;
mod history;
mod job;
mod operations;
mod search;
mod service;
pub(crate) mod time;

pub use event::{Event, History, HistoryError};
pub(crate) use service::Deadline;
