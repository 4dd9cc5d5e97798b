//! A small tus client on the harness.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use contract::{UploadId, VideoId};
use serde_json::json;
use storage::Object;

use crate::harness::{Answer, Harness};

/// The checksum of `media`.
pub(crate) const SHA1_OF_MEDIA: &str = "sha1 uzYqRqSD8/jJk+xFl4riTmCx6k4=";

/// A request with the protocol's version.
pub(crate) fn tus(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

impl Harness {
    /// Begins an upload and answers its path.
    pub(crate) async fn begin_upload(&self, bytes: u64) -> String {
        let length = bytes.to_string();
        // "my clip.mp4"
        let headers =
            [("upload-length", length.as_str()), ("upload-metadata", "filename bXkgY2xpcC5tcDQ=")];
        let answer = self.send(tus(Method::POST, "/uploads", &headers, "")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        assert_eq!(answer.header("upload-offset"), "0");
        assert!(answer.header("upload-expires").ends_with(" GMT"));
        answer.header(header::LOCATION).to_owned()
    }

    /// Sends bytes at an offset.
    pub(crate) async fn patch(
        &self,
        path: &str,
        offset: u64,
        more: &[(&str, &str)],
        body: &'static str,
    ) -> Answer {
        let offset = offset.to_string();
        let mut headers = vec![
            ("upload-offset", offset.as_str()),
            ("content-type", "application/offset+octet-stream"),
        ];
        headers.extend_from_slice(more);
        self.send(tus(Method::PATCH, path, &headers, body)).await
    }

    /// How much has arrived, as HEAD says.
    pub(crate) async fn offset(&self, path: &str) -> u64 {
        let answer = self.send(tus(Method::HEAD, path, &[], "")).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.header("upload-offset").parse().unwrap()
    }

    /// Posts a video that is made from an upload.
    pub(crate) async fn video_from(&self, path: &str) -> (VideoId, serde_json::Value) {
        let body = json!({"upload_id": path.trim_start_matches("/uploads/")}).to_string();
        let answer = self.post("/videos", body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        (answer.json()["id"].as_str().unwrap().parse().unwrap(), answer.json())
    }

    /// Where a finished upload is in the store.
    pub(crate) fn object(path: &str) -> Object {
        let id: UploadId = path.trim_start_matches("/uploads/").parse().unwrap();
        storage::layout::upload(id, "my clip.mp4").unwrap()
    }
}
