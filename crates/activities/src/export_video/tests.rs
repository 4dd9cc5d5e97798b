//! Exports of a real tree into our own store: whole, replaced as a whole, and removed exactly.

use std::collections::BTreeMap;

use catalog::NewVideo;
use contract::{
    Export, Outputs, PreviewOutput, Source, VideoId,
    export_video::{Input, Output},
};
use storage::{Bucket, Object, layout::Layout};
use uuid::Uuid;

use super::{run, target::Target};
use crate::{Deps, clean_up, pulse::Pulse, studio::Studio};

async fn put(deps: &Deps, video: VideoId, rest: &str, text: &str) {
    let object = Object::new(Bucket::Videos, format!("{video}/{rest}")).unwrap();
    deps.store.put_bytes(&object, text.to_owned()).await.unwrap();
}

/// A video of one rendition whose only segment has this name, in the catalogue and published.
async fn published(studio: &Studio, segment: &str, base: Option<&str>) -> Input {
    published_of(studio, "default", segment, base).await
}

async fn published_of(studio: &Studio, tenant: &str, segment: &str, base: Option<&str>) -> Input {
    let deps = &studio.deps;
    let video = VideoId(Uuid::now_v7());
    let export = Export::published("shows/1");
    let source = Source::Object { bucket: "videos".into(), key: "a".into() };
    let new = NewVideo { export: Some(export.clone()), ..NewVideo::new(video, tenant, source) };
    deps.catalog.insert(new).await.unwrap();
    let media = format!("#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6,\n{segment}\n");
    put(deps, video, &format!("outputs/360p/{segment}"), &format!("{video}")).await;
    put(deps, video, "outputs/360p/lost-1.m4s", "of an attempt that lost").await;
    put(deps, video, "outputs/360p/init.mp4", "init").await;
    put(deps, video, "outputs/360p/index.m3u8", &media).await;
    put(deps, video, "chapters/chapters.json", "[]").await;
    let data = "#EXT-X-SESSION-DATA:DATA-ID=\"c\",URI=\"../chapters/chapters.json\"";
    let master = format!("#EXTM3U\n{data}\n#EXT-X-STREAM-INF:BANDWIDTH=1\n360p/index.m3u8\n");
    put(deps, video, "outputs/master.m3u8", &master).await;
    let outputs =
        Outputs { master: Layout::new(video).master().unwrap().to_string(), ..Outputs::default() };
    Input { video, attempt: 1, export, base: base.map(str::to_owned), outputs }
}

async fn keys(studio: &Studio) -> Vec<String> {
    let listed = studio.deps.store.list(Bucket::Published, "").await.unwrap();
    listed.into_iter().map(|meta| meta.key).collect()
}

async fn exported(studio: &Studio, input: &Input) -> Output {
    run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap()
}

#[tokio::test]
async fn what_playlists_name_is_copied_and_found_from_its_new_place() {
    let studio = Studio::open().await;
    let input = published(&studio, "seg-1.m4s", None).await;
    let made = exported(&studio, &input).await;
    assert_eq!((made.master.as_str(), made.files), ("shows/1/master.m3u8", 5));
    let own = format!("{}-1", input.video);
    let expected = [
        &format!("{own}/360p/index.m3u8"),
        &format!("{own}/360p/init.mp4"),
        &format!("{own}/360p/seg-1.m4s"),
        "chapters/chapters.json",
        "master.m3u8",
    ];
    assert_eq!(keys(&studio).await, expected.map(|key| format!("shows/1/{key}")));
    assert_eq!(made.renditions, Some(format!("shows/1/{own}")));
    let master = String::from_utf8(studio.read("published/shows/1/master.m3u8").await).unwrap();
    assert!(
        master.contains("URI=\"chapters/chapters.json\"")
            && master.contains(&format!("\n{own}/360p/index.m3u8\n")),
        "{master}"
    );
    assert_eq!(exported(&studio, &input).await, made);
}

#[tokio::test]
async fn addresses_are_absolute_where_a_base_is_given() {
    let studio = Studio::open().await;
    let input = published(&studio, "seg-1.m4s", Some("https://cdn.example/p")).await;
    let made = exported(&studio, &input).await;
    assert_eq!(made.playlist.as_deref(), Some("https://cdn.example/p/shows/1/master.m3u8"));
    let folder = format!("shows/1/{}-1/360p", input.video);
    let media = studio.read(&format!("published/{folder}/index.m3u8")).await;
    let media = String::from_utf8(media).unwrap();
    assert!(media.contains(&format!("\nhttps://cdn.example/p/{folder}/seg-1.m4s\n")), "{media}");
}

/// Every key below the prefix with its content, as a cache that is never told of changes keeps it.
async fn cached(studio: &Studio) -> BTreeMap<String, Vec<u8>> {
    let mut cache = BTreeMap::new();
    for key in keys(studio).await {
        let bytes = studio.read(&format!("published/{key}")).await;
        cache.insert(key, bytes);
    }
    cache
}

#[tokio::test]
async fn a_later_video_replaces_the_earlier_one_whose_deletion_then_spares_it() {
    let studio = Studio::open().await;
    let first = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &first).await;
    let second = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &second).await;
    let found = keys(&studio).await;
    assert!(found.iter().any(|key| key.contains(&second.video.to_string())), "{found:?}");
    assert!(!found.iter().any(|key| key.contains(&first.video.to_string())), "{found:?}");
    clean_up::remove_all(&studio.deps, first.video).await.unwrap();
    assert_eq!(keys(&studio).await, found);
    clean_up::remove_all(&studio.deps, second.video).await.unwrap();
    assert_eq!(keys(&studio).await, [""; 0]);
    clean_up::remove_all(&studio.deps, second.video).await.unwrap();
}

#[tokio::test]
async fn what_a_cache_holds_of_one_video_never_plays_as_another() {
    let studio = Studio::open().await;
    let first = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &first).await;
    let before = cached(&studio).await;
    // The same names in both videos' own places, and another attempt at the second one.
    let second = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &second).await;
    let after = cached(&studio).await;
    let again = Input { attempt: 2, ..second.clone() };
    put(&studio.deps, second.video, "outputs/360p/seg-1.m4s", "of the second attempt").await;
    exported(&studio, &again).await;
    for (key, bytes) in cached(&studio).await {
        let entry = ["shows/1/master.m3u8", "shows/1/chapters/chapters.json"];
        for held in [&before, &after] {
            let same = held.get(&key).is_none_or(|held| *held == bytes);
            assert!(same || entry.contains(&key.as_str()), "{key} has changed its content");
        }
    }
}

#[tokio::test]
async fn an_earlier_preview_does_not_stay() {
    let studio = Studio::open().await;
    let mut first = published(&studio, "seg-1.m4s", None).await;
    put(&studio.deps, first.video, "outputs/preview/preview.m3u8", "#EXTM3U\nvideo/a.m4s\n").await;
    put(&studio.deps, first.video, "outputs/preview/video/a.m4s", "of the preview").await;
    first.outputs.preview = Some(PreviewOutput {
        playlist: Layout::new(first.video).preview().unwrap().to_string(),
        start_seconds: 0.0,
        duration_seconds: 1.0,
    });
    exported(&studio, &first).await;
    assert!(keys(&studio).await.contains(&"shows/1/preview/preview.m3u8".to_owned()));
    let second = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &second).await;
    let found = keys(&studio).await;
    assert!(!found.iter().any(|key| key.contains("preview")), "{found:?}");
}

#[tokio::test]
async fn a_prefix_is_not_taken_from_another_tenant() {
    let studio = Studio::open().await;
    let first = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &first).await;
    let found = cached(&studio).await;
    // As two tenants of the time before names had an alphabet: `acme/b` with `x`, `acme` with `b/x`.
    let other = published_of(&studio, "other", "seg-1.m4s", None).await;
    let refused = run(&studio.deps, &Pulse::still(), other).await.unwrap_err();
    assert!(refused.to_string().contains("another tenant"), "{refused}");
    assert_eq!(cached(&studio).await, found);
}

#[tokio::test]
async fn a_video_that_loses_its_prefix_on_the_way_leaves_nothing() {
    let studio = Studio::open().await;
    let late = published(&studio, "seg-1.m4s", None).await;
    let target = Target::open(&studio.deps, &late).await.unwrap();
    let key = format!("shows/1/{}-1/360p/seg-1.m4s", late.video);
    target.begin(&studio.deps, std::slice::from_ref(&key)).await.unwrap();
    let second = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &second).await;
    let found = keys(&studio).await;
    let segment = Object::new(Bucket::Videos, format!("{}/outputs/360p/seg-1.m4s", late.video));
    target.copy(&studio.deps, &segment.unwrap(), key.clone()).await.unwrap();
    assert!(target.is_lost(&studio.deps, &[key]).await.unwrap());
    assert_eq!(keys(&studio).await, found);
}

#[tokio::test]
async fn nothing_can_be_played_while_a_part_is_missing() {
    let studio = Studio::open().await;
    let first = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &first).await;
    let second = published(&studio, "seg-2.m4s", None).await;
    let init = Object::new(Bucket::Videos, format!("{}/outputs/360p/init.mp4", second.video));
    studio.deps.store.delete(&init.unwrap()).await.unwrap();
    run(&studio.deps, &Pulse::still(), second).await.unwrap_err();
    assert!(
        !keys(&studio).await.contains(&"shows/1/master.m3u8".to_owned()),
        "a mixture can be played"
    );
}
