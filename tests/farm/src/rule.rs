//! Rules: which requests meet which trouble, and how often.
//!
//! Tests set them with [`Farm::set_rules`](crate::Farm::set_rules), other languages with
//! `PUT /_farm/rules` and the same rules as JSON:
//!
//! ```
//! use rusty_attachments_farm::{Effect, Often, Requests, Rule};
//!
//! let json = r#"[
//!     { "effect": { "delay": { "milliseconds": 30 } } },
//!     { "requests": { "keyContains": "/Data/" }, "often": { "everyNth": 20 }, "effect": "reset" },
//!     { "often": { "chance": { "probability": 0.05, "seed": 7 } },
//!       "effect": { "refuse": { "status": 503, "code": "SlowDown", "retryAfterSeconds": 1 } } }
//! ]"#;
//! let rules: Vec<Rule> = serde_json::from_str(json).unwrap();
//! assert_eq!(rules, [
//!     Rule::new(Effect::Delay { milliseconds: 30 }),
//!     Rule::new(Effect::Reset).on(Requests::with_key("/Data/")).often(Often::EveryNth(20)),
//!     Rule::new(Effect::slow_down(Some(1))).often(Often::Chance { probability: 0.05, seed: 7 }),
//! ]);
//! ```

use serde::{Deserialize, Serialize};

/// One kind of trouble for some requests.
///
/// Every request is held against all rules, in order. Delays add up, and so do wrong clocks; a lack of
/// entity tags goes with everything; of the other effects, the first one takes place. A bucket's region is no effect on whoever signs for it.
/// A rule counts the requests that it is about, also those that an earlier rule takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Which requests it is about; by default all.
    #[serde(default)]
    pub requests: Requests,
    /// How many of them it strikes; by default all.
    #[serde(default)]
    pub often: Often,
    /// What happens to those.
    pub effect: Effect,
}

impl Rule {
    /// A rule that strikes every request.
    pub fn new(effect: Effect) -> Self {
        Self { requests: Requests::default(), often: Often::Always, effect }
    }

    /// The same rule for these requests only.
    pub fn on(mut self, requests: Requests) -> Self {
        self.requests = requests;
        self
    }

    /// The same rule, so often.
    pub fn often(mut self, often: Often) -> Self {
        self.often = often;
        self
    }
}

/// Which requests a rule is about: those that meet all conditions that are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Requests {
    /// The HTTP method, in capitals.
    pub method: Option<String>,
    /// The operation of Deadline Cloud or STS, such as `SearchJobs`.
    pub operation: Option<String>,
    /// What the key starts with. Conditions on the key never hold for a listing, which has none.
    pub key_prefix: Option<String>,
    /// What the key ends with.
    pub key_suffix: Option<String>,
    /// What the key contains.
    pub key_contains: Option<String>,
    /// Only listings, or only what is none.
    pub listing: Option<bool>,
    /// Only requests for a range, or only those for all of an object.
    pub ranged: Option<bool>,
    /// Who signed.
    pub access_key_id: Option<String>,
}

impl Requests {
    /// The requests whose key contains `text`.
    pub fn with_key(text: impl Into<String>) -> Self {
        Self { key_contains: Some(text.into()), ..Self::default() }
    }

    /// The requests for an operation of Deadline Cloud or STS.
    pub fn for_operation(name: impl Into<String>) -> Self {
        Self { operation: Some(name.into()), ..Self::default() }
    }

    /// All listings.
    pub fn listings() -> Self {
        Self { listing: Some(true), ..Self::default() }
    }
}

/// How many of its requests a rule strikes. Counts are in order of arrival and start with the rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Often {
    /// Every one.
    #[default]
    Always,
    /// The nth, the 2nth and so on.
    EveryNth(u64),
    /// The first so many.
    First(u64),
    /// Every one but the first so many.
    After(u64),
    /// The first so many for each key (for a listing: for each query).
    FirstPerKey(u64),
    /// Of every `every` requests the first `length`.
    #[serde(rename_all = "camelCase")]
    Burst {
        /// From the start of one burst to the start of the next.
        every: u64,
        /// How many are struck.
        length: u64,
    },
    /// Each one with a probability. What decides is the request itself and how often it came
    /// before, not its place among the others: two runs that send the same requests in another
    /// order meet the same trouble.
    #[serde(rename_all = "camelCase")]
    Chance {
        /// From 0 to 1.
        probability: f64,
        /// Another seed strikes others.
        seed: u64,
    },
    /// Those beyond so many in one second, as a service throttles. Depends on time, so it is the
    /// one that differs between runs.
    AbovePerSecond(u64),
}

/// What happens to a request that a rule strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The answer starts later.
    #[serde(rename_all = "camelCase")]
    Delay {
        /// For so long.
        milliseconds: u64,
    },
    /// The connection is reset instead of an answer.
    Reset,
    /// The connection is reset, and nobody listens on the port for a while: new connections are refused.
    #[serde(rename_all = "camelCase")]
    Outage {
        /// For so long.
        milliseconds: u64,
    },
    /// The connection ends in the middle of the body. A shorter body arrives whole.
    #[serde(rename_all = "camelCase")]
    CutBody {
        /// After so many bytes.
        after_bytes: u64,
    },
    /// The body pauses. A shorter body arrives whole.
    #[serde(rename_all = "camelCase")]
    StallBody {
        /// After so many bytes.
        after_bytes: u64,
        /// For so long; without it, for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        milliseconds: Option<u64>,
    },
    /// The body comes byte by byte.
    #[serde(rename_all = "camelCase")]
    DripBody {
        /// After so many bytes.
        after_bytes: u64,
        /// So long before each byte.
        milliseconds: u64,
    },
    /// The body has its length, but its first byte is wrong.
    WrongBytes,
    /// Before the request is answered, the object is stored again with the same bytes, and so has
    /// another entity tag from now on: a client that asks `If-Match` for the old one gets 412.
    NewEntityTag,
    /// The answer has no `ETag`, as a simple service's.
    NoEntityTag,
    /// An error, in the form of the service that was asked.
    #[serde(rename_all = "camelCase")]
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The service's code, such as `InternalError` or `ThrottlingException`.
        code: String,
        /// The header `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
    /// The server's clock is off: the answer's `Date` says so, and a request that was signed more
    /// than a quarter of an hour from that is refused as `RequestTimeTooSkewed`.
    #[serde(rename_all = "camelCase")]
    ClockAhead {
        /// By so many seconds; negative is behind.
        seconds: i64,
    },
    /// The bucket is in this region: whoever signs for another gets a 301 `PermanentRedirect`.
    #[serde(rename_all = "camelCase")]
    PermanentRedirect {
        /// The bucket's region.
        region: String,
    },
    /// The bucket is in this region: whoever signs for another gets a 400
    /// `AuthorizationHeaderMalformed`.
    #[serde(rename_all = "camelCase")]
    AuthorizationHeaderMalformed {
        /// The bucket's region.
        region: String,
    },
}

impl Effect {
    /// An error, in the form of the service that was asked.
    pub fn refuse(status: u16, code: impl Into<String>) -> Self {
        Self::Refuse { status, code: code.into(), retry_after_seconds: None }
    }

    /// 429 `ThrottlingException`, as Deadline Cloud says that it is asked too often.
    pub fn throttle(retry_after_seconds: Option<u64>) -> Self {
        Self::Refuse { status: 429, code: "ThrottlingException".to_owned(), retry_after_seconds }
    }

    /// 503 `SlowDown`, with `Retry-After` if there are seconds.
    pub fn slow_down(retry_after_seconds: Option<u64>) -> Self {
        Self::Refuse { status: 503, code: "SlowDown".to_owned(), retry_after_seconds }
    }

    /// The name of the variant, as in JSON; of a refusal, its code.
    pub fn name(&self) -> &str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Reset => "reset",
            Self::Outage { .. } => "outage",
            Self::CutBody { .. } => "cutBody",
            Self::StallBody { .. } => "stallBody",
            Self::DripBody { .. } => "dripBody",
            Self::WrongBytes => "wrongBytes",
            Self::NewEntityTag => "newEntityTag",
            Self::NoEntityTag => "noEntityTag",
            Self::Refuse { code, .. } => code,
            Self::ClockAhead { .. } => "clockAhead",
            Self::PermanentRedirect { .. } => "permanentRedirect",
            Self::AuthorizationHeaderMalformed { .. } => "authorizationHeaderMalformed",
        }
    }
}
