//! How many requests are under way at once, as a caller says it.

use serde::{Deserialize, Deserializer, de};

/// How many requests are under way at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as measurably help.
    #[default]
    Auto,
    /// So many, at least one.
    Fixed(usize),
}

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(usize),
            Word(String),
        }
        match Form::deserialize(deserializer) {
            Ok(Form::Number(number @ 1..)) => Ok(Self::Fixed(number)),
            Ok(Form::Word(word)) if word == "auto" => Ok(Self::Auto),
            _ => Err(de::Error::custom("concurrency must be 'auto' or a number from 1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_is_auto_or_at_least_one() {
        assert_eq!(serde_json::from_str::<Concurrency>("\"auto\"").unwrap(), Concurrency::Auto);
        for wrong in ["0", "-1", "1.5", "\"many\"", "null"] {
            assert!(serde_json::from_str::<Concurrency>(wrong).is_err(), "{wrong}");
        }
    }
}
