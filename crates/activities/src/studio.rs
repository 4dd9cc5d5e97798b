//! What tests of activities work with: a store, a catalogue and scratch space in a folder of their
//! own, and the real ffmpeg.

use std::{path::Path, time::Duration};

use contract::{StoredSource, VideoId};
use media::{
    options::Options,
    plan::{Limits, Plan},
    source::SourceFacts,
};
use storage::{Object, Scratch, Store, layout::Layout};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{Deps, download_source, pulse::Pulse, source};

/// One machine with nothing on it but one video.
pub(crate) struct Studio {
    pub(crate) deps: Deps,
    pub(crate) video: VideoId,
    /// Holds everything; also a place for the test's own files.
    pub(crate) folder: TempDir,
}

impl Studio {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = folder.path().join(name);
            fs_err::create_dir(&path).unwrap();
            path
        };
        let catalog = catalog::sqlite_url(&folder.path().join("catalog.db")).unwrap();
        let deps = Deps {
            store: Store::open_folder(&place("media")).unwrap(),
            mezzanine: Store::open_folder(&place("mezzanine")).unwrap(),
            scratch: Scratch::open(&place("scratch"), 0).unwrap(),
            tools: ffmpeg::Tools::default(),
            encoder: media::options::EncoderOption::Auto,
            encoders: 1,
            nvenc: ffmpeg::encoder::Nvenc::default(),
            local_files: false,
            fetch: fetch::Client::new(fetch::Config::default()).unwrap(),
            turns: crate::Turns::new(4),
            catalog: catalog::Catalog::open(&catalog, catalog::Vault::ephemeral().unwrap())
                .await
                .unwrap(),
            webhooks: crate::Webhooks {
                poster: fetch::Poster::new(vec![], Duration::from_secs(10)).unwrap(),
                media_base: None,
                first_pause: Duration::from_millis(1),
                patience: Duration::from_mins(1),
            },
        };
        Self { deps, video: VideoId(Uuid::now_v7()), folder }
    }

    /// Brings a file into the store as the video's source, and probes it.
    pub(crate) async fn source(&self, file: &Path) -> (StoredSource, SourceFacts) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let object = Layout::new(self.video).source(&name).unwrap();
        self.deps.store.copy_file(&object, file).await.unwrap();
        let stored = download_source::stored(&self.deps, &object).await.unwrap();
        let source = source::open(&self.deps, &stored).await.unwrap();
        let probe = ffmpeg::probe(&self.deps.tools, source.input(), |_| {});
        let facts = source.during(probe).await.unwrap();
        (stored, facts)
    }

    /// The plan of a source with these options, in chunks of 12 seconds.
    pub(crate) fn plan(facts: &SourceFacts, options: &Options) -> Plan {
        let limits = Limits { parallel_chunks: 2, chunk_seconds: Some(12), ..Limits::default() };
        media::plan::plan(facts, options, limits).unwrap()
    }

    /// Encodes, packages and checks a whole plan, as the workflow does.
    pub(crate) async fn encode(&self, source: &StoredSource, plan: &Plan) {
        let pulse = Pulse::still();
        for chunk in 0..plan.video.as_ref().map_or(0, |video| video.chunks) {
            let input = contract::transcode_chunk::Input {
                video: self.video,
                attempt: 1,
                source: source.clone(),
                plan: plan.video.clone().unwrap(),
                chunk,
            };
            Box::pin(crate::transcode_chunk::run(&self.deps, &pulse, input)).await.unwrap();
        }
        for track in &plan.audio {
            let input = contract::encode_audio::Input {
                video: self.video,
                attempt: 1,
                source: source.clone(),
                plan: track.clone(),
            };
            Box::pin(crate::encode_audio::run(&self.deps, &pulse, input)).await.unwrap();
        }
        let input = contract::package_video::Input {
            video: self.video,
            source: source.clone(),
            plan: plan.clone(),
        };
        Box::pin(crate::package_video::run(&self.deps, input.clone())).await.unwrap();
        Box::pin(crate::verify_video::run(&self.deps, input)).await.unwrap();
    }

    /// Pixels of a stored picture, in one of ffmpeg's raw formats.
    pub(crate) async fn decoded(&self, name: &str, pixel_format: &str) -> Vec<u8> {
        let file = self.folder.path().join("picture");
        fs_err::write(&file, self.read(name).await).unwrap();
        let output = ffmpeg::Command::new(&self.deps.tools.ffmpeg)
            .args(["-v", "error", "-nostdin", "-f", "image2", "-i"])
            .arg(&file)
            .args(["-f", "rawvideo", "-pix_fmt", pixel_format, "-"])
            .output(std::time::Duration::from_mins(1))
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Bytes of an object written `bucket/key`.
    pub(crate) async fn read(&self, name: &str) -> Vec<u8> {
        let (bucket, key) = name.split_once('/').unwrap();
        let object = Object::new(bucket.parse().unwrap(), key).unwrap();
        self.deps.store.get_bytes(&object).await.unwrap().to_vec()
    }
}
