//! Whatever users call things, a video gets through Temporal: no text of theirs reaches a limit.

use contract::{Export, Source, video::Input};
use media::options::Options;

use crate::{bench::with_workers, script::Script};

/// Longest address the API takes.
const URL_BYTES: usize = 4096;

fn url(part: &str) -> Source {
    let mut url = "https://example.com/".to_owned();
    while url.len() + part.len() <= URL_BYTES {
        url += part;
    }
    Source::Url { url }
}

/// Jobs that are as long as they may be, in characters of one to four bytes and in those that JSON
/// escapes.
const LONG: [fn(&mut Input); 6] = [
    |job| job.source = url("a"),
    |job| job.source = url("%E8%A6%96/"),
    |job| job.tenant = "\u{1f3ac}".repeat(200),
    |job| job.tenant = "\u{e9}".repeat(33),
    |job| {
        let file_name = "\"\\\u{1}\u{8996}".repeat(250);
        job.source = Source::Upload { upload: contract::UploadId(job.video.0), file_name };
    },
    |job| {
        job.export = Some(Export::published(&"\u{8996}".repeat(170)));
        job.options = Options { output_prefix: Some("p".to_owned()), ..job.options.clone() };
    },
];

#[tokio::test]
async fn no_name_is_too_long_for_a_video() {
    with_workers(async |bench| {
        let jobs =
            LONG.map(|change| bench.run(Script { change: Some(change), ..Script::default() }));
        for (n, (result, _)) in futures::future::join_all(jobs).await.into_iter().enumerate() {
            assert!(result.is_ok(), "job {n}: {result:?}");
        }
    })
    .await;
}
