//! Exports of a real tree into our own store: whole, replaced as a whole, and removed exactly.

use catalog::NewVideo;
use contract::{
    Export, Outputs, Source, VideoId,
    export_video::{Input, Output},
};
use storage::{Bucket, Object, layout::Layout};
use uuid::Uuid;

use super::run;
use crate::{Deps, clean_up, pulse::Pulse, studio::Studio};

async fn put(deps: &Deps, video: VideoId, rest: &str, text: &str) {
    let object = Object::new(Bucket::Videos, format!("{video}/{rest}")).unwrap();
    deps.store.put_bytes(&object, text.to_owned()).await.unwrap();
}

/// A video of one rendition whose only segment has this name, in the catalogue and published.
async fn published(studio: &Studio, segment: &str, base: Option<&str>) -> Input {
    let deps = &studio.deps;
    let video = VideoId(Uuid::now_v7());
    let export = Export::published("shows/1");
    let source = Source::Object { bucket: "videos".into(), key: "a".into() };
    let new = NewVideo { export: Some(export.clone()), ..NewVideo::new(video, "default", source) };
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
    Input { video, export, base: base.map(str::to_owned), outputs }
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
    let expected = [
        "360p/index.m3u8",
        "360p/init.mp4",
        "360p/seg-1.m4s",
        "chapters/chapters.json",
        "master.m3u8",
    ];
    assert_eq!(keys(&studio).await, expected.map(|key| format!("shows/1/{key}")));
    let master = String::from_utf8(studio.read("published/shows/1/master.m3u8").await).unwrap();
    assert!(
        master.contains("URI=\"chapters/chapters.json\"") && master.contains("\n360p/index.m3u8\n"),
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
    let media = String::from_utf8(studio.read("published/shows/1/360p/index.m3u8").await).unwrap();
    assert!(media.contains("\nhttps://cdn.example/p/shows/1/360p/seg-1.m4s\n"), "{media}");
}

#[tokio::test]
async fn a_later_video_replaces_the_earlier_one_whose_deletion_then_spares_it() {
    let studio = Studio::open().await;
    let first = published(&studio, "seg-1.m4s", None).await;
    exported(&studio, &first).await;
    let second = published(&studio, "seg-2.m4s", None).await;
    exported(&studio, &second).await;
    let found = keys(&studio).await;
    assert!(found.contains(&"shows/1/360p/seg-2.m4s".to_owned()), "{found:?}");
    assert!(!found.contains(&"shows/1/360p/seg-1.m4s".to_owned()), "{found:?}");
    clean_up::remove_all(&studio.deps, first.video).await.unwrap();
    assert_eq!(keys(&studio).await, found);
    clean_up::remove_all(&studio.deps, second.video).await.unwrap();
    assert_eq!(keys(&studio).await, [""; 0]);
    clean_up::remove_all(&studio.deps, second.video).await.unwrap();
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
