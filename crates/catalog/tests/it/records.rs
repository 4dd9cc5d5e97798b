//! Sample values in which every field is set to something of its own.

use catalog::{GivenStore, GivenStores, NewVideo, Private, Secret, Webhook, WebhookFormat};
use contract::{
    ApiKeyId, AudioOutput, ErrorCode, Event, Export, Failure, Outputs, RenditionOutput, Source,
    SourceSummary, Status, VideoId, Warning,
    completion::{Input, Outcome},
    video::Output,
};
use media::source::NonStandard;
use serde_json::json;
use uuid::Uuid;

/// A new video with a new id, of tenant `acme`.
pub(crate) fn new_video() -> NewVideo {
    let source = Source::Url { url: "https://example.org/a%20b.mp4?q='\"".into() };
    NewVideo {
        options: serde_json::from_value(json!({
            "ladder": [{"name": "720p", "height": 720, "bitrate": "3M", "audio_bitrate": "96k"}],
            "preset": "slow",
            "priority": 1,
        }))
        .unwrap(),
        metadata: json!({"z": 1, "a": ["\u{0}", "©, 視頻 \u{1f3ac}"], "n": [u64::MAX, -0.5, null]}),
        private: Private {
            webhook: Some(Webhook {
                url: Secret::new("https://example.org/hook?token=x"),
                secret: Some(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
                format: WebhookFormat::Runpod { media_id: "media".to_owned() },
                events: vec![Event::Ready, Event::Failed],
            }),
            stores: Some(GivenStores { main: store("main"), mezzanine: Some(store("second")) }),
        },
        export: Some(Export::runpod("creator", "media")),
        api_key: Some(ApiKeyId(Uuid::now_v7())),
        ..NewVideo::new(VideoId(Uuid::now_v7()), "acme", source)
    }
}

fn store(bucket: &str) -> GivenStore {
    GivenStore {
        endpoint: "https://s3.example.org".to_owned(),
        region: "us-east-1".to_owned(),
        bucket: bucket.to_owned(),
        access_key: Secret::new(format!("id of {bucket}")),
        secret_key: Secret::new(format!("secret of {bucket}")),
    }
}

/// What the source of a ready video was.
pub(crate) fn summary() -> SourceSummary {
    SourceSummary {
        duration_seconds: 12.345_678_9,
        width: Some(1920),
        height: Some(1080),
        fps: Some(30_000.0 / 1001.0),
        codecs: vec!["h264".into(), "aac".into()],
        bytes: 1 << 53,
        non_standard_input_reasons: vec![NonStandard::BrokenTimestamps],
    }
}

/// What a ready video consists of.
pub(crate) fn outputs() -> Outputs {
    Outputs {
        master: "videos/1/outputs/master.m3u8".into(),
        renditions: vec![RenditionOutput {
            name: "720p".into(),
            width: 1280,
            height: 720,
            bandwidth: 3_300_000,
            average_bandwidth: 3_000_000,
            codecs: "avc1.64001f,mp4a.40.2".into(),
        }],
        audio: vec![AudioOutput {
            name: "audio-96".into(),
            bandwidth: 98_000,
            language: Some("en".into()),
            default: true,
        }],
        frames: 370,
        duration_seconds: 37.0 / 3.0,
        ..Outputs::default()
    }
}

/// What is less than was asked.
pub(crate) fn warnings() -> Vec<Warning> {
    vec![Warning {
        step: "plan".into(),
        code: ErrorCode::RungDropped,
        message: "1080p is above the source".into(),
    }]
}

/// Why a video failed.
pub(crate) fn failure() -> Failure {
    Failure { code: ErrorCode::CorruptMedia, message: "9 % of the frames are lost".into() }
}

/// The end of an attempt that leads to `status`.
pub(crate) fn end(video: VideoId, attempt: u32, status: Status) -> Input {
    let outcome = match status {
        Status::Ready => Outcome::Ready(Box::new(Output {
            source: summary(),
            outputs: outputs(),
            warnings: warnings(),
        })),
        Status::Failed => Outcome::Failed { failure: failure(), warnings: warnings() },
        Status::Cancelled => Outcome::Cancelled,
        other => panic!("{other} is no end"),
    };
    Input { video, attempt, outcome }
}
