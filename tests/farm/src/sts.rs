//! STS `GetCallerIdentity`, by which clients learn whose bucket to expect.

use http::request::Parts;
use http::{HeaderValue, Response};
use s3s::Body;

use crate::access::{ACCOUNT_ID, Guard};
use crate::refusal::Refusal;
use crate::service::Service;
use crate::signed::Signed;

pub(crate) const OPERATION: &str = "GetCallerIdentity";

pub(crate) fn answer(head: &Parts, body: &[u8], signed: &Signed, guard: &Guard) -> Response<Body> {
    let caller = match Service::Sts.authenticate(head, body, signed, guard) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.response(Service::Sts),
    };
    let wanted = format!("Action={OPERATION}");
    if !body.split(|byte| *byte == b'&').any(|pair| pair == wanted.as_bytes()) {
        return Refusal::new(400, "InvalidAction", "The farm has no such operation.").response(Service::Sts);
    }
    let id = caller.credentials.access_key_id;
    let mut response = Response::new(Body::from(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>arn:aws:sts::{ACCOUNT_ID}:assumed-role/artists/{id}</Arn>\
         <UserId>{id}:artist</UserId><Account>{ACCOUNT_ID}</Account></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>farm</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/xml"));
    response
}
