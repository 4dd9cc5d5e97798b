//! The message that `POST /v2/{endpoint}/run` promises.

use std::fmt::Write as _;

use catalog::Video;
use contract::compat::RunpodResult;
use ring::hmac;
use serde_json::{Value, json};

/// The header that holds [`signature`].
pub(crate) const SIGNATURE: &str = "x-runpod-signature";

/// The body for a video that has ended.
pub(crate) fn body(video: &Video, media_id: &str) -> Value {
    let (summary, outputs) = (video.summary.as_ref(), video.outputs.as_ref());
    json!(RunpodResult::new(media_id, video.status, summary, outputs, video.error.as_ref()))
}

/// HMAC-SHA256 of the body as it is sent, in hexadecimal and without a prefix: what receivers of
/// this header compute.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, body).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use catalog::{Catalog, NewVideo, Vault};
    use contract::{ErrorCode, ExportOutput, Failure, Outputs, Source, Status, VideoId};
    use uuid::Uuid;

    use super::*;
    use crate::webhook::transcode;

    async fn video() -> Video {
        let folder = tempfile::tempdir().unwrap();
        let url = catalog::sqlite_url(&folder.path().join("catalog.db")).unwrap();
        let catalog = Catalog::open(&url, Vault::ephemeral().unwrap()).await.unwrap();
        let source = Source::Given { key: "a".to_owned() };
        let new = NewVideo::new(VideoId(Uuid::from_u128(7)), "default", source);
        catalog.insert(new).await.unwrap().into_video()
    }

    #[test]
    fn the_signature_is_the_one_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(SIGNATURE, "x-runpod-signature");
        assert_eq!(signature("Jefe", b"what do ya want for nothing?"), expected);
    }

    #[tokio::test]
    async fn a_finished_video_is_told_by_its_keys() {
        let export =
            ExportOutput { master: "c/hls/m/master.m3u8".into(), ..ExportOutput::default() };
        let outputs = Some(Outputs { export: Some(export), ..Outputs::default() });
        let video = Video { status: Status::Ready, outputs, ..video().await };
        let told = body(&video, "m");
        assert_eq!((&told["status"], &told["mediaId"]), (&json!("completed"), &json!("m")));
        assert_eq!(told["hlsMasterPlaylistKey"], "c/hls/m/master.m3u8");
        assert_eq!((&told["mezzanineKey"], &told["error"]), (&Value::Null, &Value::Null));
        let told = transcode::body(&video);
        assert_eq!(told["outputs"], json!([{"profile": "hls", "key": "c/hls/m/master.m3u8"}]));
        assert_eq!((&told["status"], &told["job_id"]), (&json!("complete"), &json!(video.id)));
    }

    #[tokio::test]
    async fn a_failed_video_is_told_with_its_reason() {
        let error = Some(Failure { code: ErrorCode::NoStreams, message: "x".repeat(3000) });
        let video = Video { status: Status::Failed, error, ..video().await };
        let told = body(&video, "m");
        assert_eq!(told["status"], "failed");
        assert_eq!(told["error"].as_str().unwrap().len(), 2048);
        assert_eq!(transcode::body(&video)["status"], "failed");
    }
}
