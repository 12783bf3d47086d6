//! Which bucket is read, where it is, and how its requests are addressed.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use rusty_attachments_core::{Error, ErrorCode, Result};
use serde::{Deserialize, Serialize};

/// Everything outside RFC 3986's unreserved characters is escaped, as SigV4 wants it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The bucket that holds a queue's job attachments.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// What the keys of all job attachments begin with, without a slash at its end.
    pub root_prefix: String,
    /// The bucket's region; otherwise `AWS_REGION`, `AWS_DEFAULT_REGION`, then `us-east-1`, which an empty one means.
    #[serde(default)]
    pub region: Option<String>,
    /// The URL of an S3 service; otherwise `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, then Amazon's own, which an empty
    /// one means.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Whether the bucket is the path's first part instead of the host's; otherwise told from the endpoint.
    #[serde(default)]
    pub force_path_style: Option<bool>,
    /// The account that must own the bucket, or every request is refused.
    #[serde(default)]
    pub expected_bucket_owner: Option<String>,
}

/// Turns a region, key and query into the URL of a request.
#[derive(Debug)]
pub(crate) struct Addressing {
    bucket: String,
    /// A service's own URL, without a slash at its end; Amazon's is made from the region.
    endpoint: Option<Url>,
    path_style: bool,
}

impl S3Settings {
    pub(crate) fn initial_region(&self) -> String {
        self.region
            .clone()
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .filter(|region| !region.is_empty())
            .unwrap_or_else(|| "us-east-1".into())
    }

    pub(crate) fn addressing(&self) -> Result<Addressing> {
        let endpoint = self
            .endpoint
            .clone()
            .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
            .or_else(|| variable("AWS_ENDPOINT_URL"));
        let endpoint = endpoint.as_deref().filter(|url| !url.is_empty());
        Addressing::new(&self.bucket, endpoint, self.force_path_style)
    }
}

impl Addressing {
    fn new(bucket: &str, endpoint: Option<&str>, force_path_style: Option<bool>) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if bucket.is_empty() || !bucket.chars().all(allowed) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("'{bucket}' is not a bucket name. Give the name alone: no s3://, no ARN, no prefix."),
            )
            .with("bucket", bucket));
        }
        let endpoint = endpoint.map(parse_endpoint).transpose()?;
        let path_style = force_path_style.unwrap_or_else(|| {
            // A certificate for *.host covers no further dot, and an address has no subdomains.
            bucket.contains('.')
                || endpoint.as_ref().is_some_and(|url| {
                    url.domain().is_none_or(|host| host == "localhost" || host.ends_with(".localhost"))
                })
        });
        Ok(Self { bucket: bucket.into(), endpoint, path_style })
    }

    pub(crate) fn url(&self, region: &str, key: &str, query: &str) -> Result<Url> {
        let (scheme, authority, base) = match &self.endpoint {
            Some(url) => (url.scheme(), url.authority().to_owned(), url.path().trim_end_matches('/')),
            None => {
                let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
                ("https", format!("s3.{region}.amazonaws.com{suffix}"), "")
            }
        };
        let bucket = &self.bucket;
        let key = utf8_percent_encode(key, PATH);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = if self.path_style {
            format!("{scheme}://{authority}{base}/{bucket}/{key}{mark}{query}")
        } else {
            format!("{scheme}://{bucket}.{authority}{base}/{key}{mark}{query}")
        };
        Url::parse(&url).map_err(|cause| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("'{url}' is not a URL: check region and endpoint."),
            )
            .caused_by(cause)
        })
    }
}

/// A query string in the order given, which must be the order of the names.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
        .collect();
    pairs.join("&")
}

fn parse_endpoint(endpoint: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!("The endpoint '{endpoint}' {why}. Give one like https://s3.example.com."),
        )
    };
    let url = Url::parse(endpoint).map_err(|cause| wrong("is not a URL").caused_by(cause))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "The endpoint holds a user name or password. Give credentials apart from it.",
        ));
    }
    Ok(url)
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(bucket: &str, endpoint: Option<&str>, path_style: Option<bool>) -> String {
        Addressing::new(bucket, endpoint, path_style)
            .unwrap()
            .url("eu-west-1", "a b/c", "")
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_bucket_is_part_of_amazons_host() {
        assert_eq!(url("b", None, None), "https://b.s3.eu-west-1.amazonaws.com/a%20b/c");
    }

    #[test]
    fn a_bucket_with_dots_or_at_an_address_is_part_of_the_path() {
        assert_eq!(url("b.c", None, None), "https://s3.eu-west-1.amazonaws.com/b.c/a%20b/c");
        assert_eq!(url("b", Some("http://127.0.0.1:9000"), None), "http://127.0.0.1:9000/b/a%20b/c");
        assert_eq!(url("b", Some("http://localhost:9000/"), None), "http://localhost:9000/b/a%20b/c");
        assert_eq!(url("b", Some("https://s3.example.com"), None), "https://b.s3.example.com/a%20b/c");
        assert_eq!(url("b", Some("https://s3.example.com"), Some(true)), "https://s3.example.com/b/a%20b/c");
    }

    #[test]
    fn what_is_no_bucket_or_no_endpoint_is_an_invalid_argument() {
        for (bucket, endpoint) in
            [("", None), ("s3://b", None), ("b", Some("nonsense")), ("b", Some("ftp://x"))]
        {
            let error = Addressing::new(bucket, endpoint, None).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{bucket} {endpoint:?}");
        }
    }

    #[test]
    fn an_endpoint_with_a_password_is_refused_without_repeating_it() {
        let error = Addressing::new("b", Some("https://me:hush@example.com"), None).unwrap_err();
        assert!(!error.message.contains("hush"));
    }
}
