//! Signs one request with AWS Signature Version 4, the way S3 wants it.

use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};
use rusty_attachments_core::{Error, ErrorCode, Result};

use super::credentials::Credentials;

/// The SHA-256 of no bytes: every request here is a GET.
const EMPTY_BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Adds the signature's headers. Of the headers that are there, those of Amazon's are signed.
pub(crate) fn sign(
    request: &mut Request,
    credentials: &Credentials,
    region: &str,
    time: SystemTime,
) -> Result<()> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "rusty-attachments",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(time)
        .settings(settings)
        .build()
        .map_err(unsignable)?
        .into();
    let amazon_headers = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-amz-"))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.url().as_str(),
        amazon_headers,
        SignableBody::Precomputed(EMPTY_BODY.into()),
    )
    .map_err(unsignable)?;
    let (instructions, _) = sign_request(signable, &parameters).map_err(unsignable)?.into_parts();
    for header in instructions.into_parts().0 {
        let mut value = HeaderValue::from_str(header.value()).map_err(unsignable)?;
        value.set_sensitive(header.sensitive());
        request.headers_mut().insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

fn unsignable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorCode::Credentials,
        "A request cannot be signed with these credentials: check them for white space and control characters.",
    )
    .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    // That the signature itself is right, the farm says, which checks it.
    #[test]
    fn a_signature_covers_host_hash_date_token_and_amazons_own_headers() {
        let url = reqwest::Url::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
        let mut request = Request::new(reqwest::Method::GET, url);
        request.headers_mut().insert("x-amz-expected-bucket-owner", HeaderValue::from_static("1"));
        request.headers_mut().insert("range", HeaderValue::from_static("bytes=0-9"));
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "secret".into(),
            session_token: Some("token".into()),
            expiration: None,
        };
        sign(&mut request, &credentials, "us-east-1", UNIX_EPOCH + Duration::from_secs(1_369_353_600))
            .unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(authorization.contains("Credential=AKIDEXAMPLE/20130524/us-east-1/s3/aws4_request"));
        assert!(authorization.contains(
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-expected-bucket-owner;x-amz-security-token"
        ));
        assert_eq!(request.headers()["x-amz-content-sha256"], EMPTY_BODY);
        assert!(!format!("{request:?}").contains("secret"));
    }
}
