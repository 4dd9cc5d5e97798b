//! What every store must do, as checks that take a store. Each has a folder of keys of its own.

use futures::future::join_all;
use storage::{Bucket, Created, Error, Object, Store};

const MIB: usize = 1024 * 1024;

/// Runs every check on a store that is otherwise empty.
pub(crate) async fn run(store: &Store) {
    buckets_can_be_made_again(store).await;
    writing_again_replaces(store).await;
    exactly_one_of_racing_creators_wins(store).await;
    files_are_put_whole_and_consumed(store).await;
    files_are_copied_and_kept(store).await;
    objects_are_copied_and_part_ways(store).await;
    files_come_back(store).await;
    what_is_missing_is_named(store).await;
    a_listing_is_sorted_and_keeps_to_whole_segments(store).await;
    deleting_can_be_repeated(store).await;
    deleting_a_prefix_takes_everything_below(store).await;
    a_prefix_cannot_be_lost(store).await;
    unusual_keys_round_trip(store).await;
    buckets_are_separate(store).await;
    the_store_can_be_checked(store).await;
}

pub(crate) fn object(key: impl Into<String>) -> Object {
    Object::new(Bucket::Videos, key).unwrap()
}

/// Bytes in which every position shows, so that parts in the wrong order do not pass.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (number, word) in (0_u64..).zip(bytes.chunks_exact_mut(8)) {
        word.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

pub(crate) async fn keys(store: &Store, prefix: &str) -> Vec<String> {
    let listed = store.list(Bucket::Videos, prefix).await.unwrap();
    listed.into_iter().map(|found| found.key).collect()
}

async fn buckets_can_be_made_again(store: &Store) {
    store.ensure_buckets().await.unwrap();
    store.ensure_buckets().await.unwrap();
}

async fn writing_again_replaces(store: &Store) {
    let object = object("overwrite/a.json");
    store.put_bytes(&object, "first, and longer").await.unwrap();
    let before = store.head(&object).await.unwrap().unwrap();
    store.put_bytes(&object, "second").await.unwrap();
    assert_eq!(store.get_bytes(&object).await.unwrap(), "second");
    let after = store.head(&object).await.unwrap().unwrap();
    assert_eq!((after.key.as_str(), after.bytes), ("overwrite/a.json", 6));
    assert!(after.etag.is_some() && after.etag != before.etag, "{before:?} {after:?}");
    assert_eq!(store.list(Bucket::Videos, "overwrite").await.unwrap(), [after]);
}

async fn exactly_one_of_racing_creators_wins(store: &Store) {
    for round in 0..4 {
        let object = object(format!("race/{round}/chunk.json"));
        let creators = (0..16).map(|idx| {
            let (store, object) = (store.clone(), object.clone());
            tokio::spawn(async move {
                store.create_bytes(&object, format!("creator {idx}")).await.unwrap()
            })
        });
        let outcomes = join_all(creators).await;
        let outcomes = outcomes.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let winners = outcomes.iter().filter(|outcome| **outcome == Created::Created).count();
        assert_eq!(winners, 1, "{outcomes:?}");
        let winner = outcomes.iter().position(|outcome| *outcome == Created::Created).unwrap();
        let kept = store.get_bytes(&object).await.unwrap();
        assert_eq!(kept, format!("creator {winner}"));
        assert_eq!(keys(store, &format!("race/{round}")).await.len(), 1);
    }
}

async fn files_are_put_whole_and_consumed(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    for (idx, len) in [0, 1, 16 * MIB, 16 * MIB + 1, 40 * MIB].into_iter().enumerate() {
        let object = object(format!("put_file/{idx}/seg-1.m4s"));
        let (path, bytes) = (folder.path().join("local"), content(len));
        fs_err::write(&path, &bytes).unwrap();
        store.put_bytes(&object, "what was there before").await.unwrap();
        store.put_file(&object, &path).await.unwrap();
        assert!(!path.exists(), "the local file of {len} bytes was kept");
        let kept = store.get_bytes(&object).await.unwrap();
        assert!(kept == bytes, "{len} bytes were put, {} different ones kept", kept.len());
        assert_eq!(store.head(&object).await.unwrap().unwrap().bytes, len as u64);
    }
    assert_eq!(keys(store, "put_file").await.len(), 5, "something else was left behind");
    let gone = store.put_file(&object("put_file/gone"), &folder.path().join("gone")).await;
    assert!(matches!(gone, Err(Error::Io { .. })), "{gone:?}");
    assert_eq!(keys(store, "put_file").await.len(), 5);
}

async fn files_are_copied_and_kept(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let (path, object) = (folder.path().join("users.mp4"), object("copy_file/original.mp4"));
    fs_err::write(&path, "as it was").unwrap();
    store.copy_file(&object, &path).await.unwrap();
    fs_err::write(&path, "edited, later").unwrap();
    assert_eq!(store.get_bytes(&object).await.unwrap(), "as it was");
    let not_a_file = store.copy_file(&object, folder.path()).await;
    assert!(matches!(not_a_file, Err(Error::Io { .. })), "{not_a_file:?}");
    assert_eq!(store.get_bytes(&object).await.unwrap(), "as it was");
}

async fn objects_are_copied_and_part_ways(store: &Store) {
    for (idx, len) in [0, 7, 32 * MIB, 40 * MIB + 3].into_iter().enumerate() {
        let from = object(format!("copy/from {idx} +%ü.mp4"));
        let to = Object::new(Bucket::Published, format!("a b/{idx}/copy.mp4")).unwrap();
        store.put_bytes(&from, content(len)).await.unwrap();
        store.put_bytes(&to, "what was there before").await.unwrap();
        store.copy(&from, &to).await.unwrap();
        store.copy(&from, &to).await.unwrap();
        assert!(store.get_bytes(&to).await.unwrap() == content(len), "{len} bytes");
        store.put_bytes(&from, "another").await.unwrap();
        assert_eq!(store.head(&to).await.unwrap().unwrap().bytes, len as u64);
        store.copy(&from, &to).await.unwrap();
        store.delete(&from).await.unwrap();
        assert_eq!(store.get_bytes(&to).await.unwrap(), "another");
    }
    let listed = store.list(Bucket::Published, "a b").await.unwrap();
    assert_eq!(listed.len(), 4, "something else was left behind: {listed:?}");
    let folder = store.folder_root().map(|root| root.join("published/a b"));
    for entry in folder.into_iter().flat_map(|folder| fs_err::read_dir(folder).unwrap()) {
        let files = fs_err::read_dir(entry.unwrap().path()).unwrap();
        assert_eq!(files.count(), 1, "a staged name was left");
    }
    let (gone, to) = (object("copy/gone"), object("copy/to"));
    let missing = store.copy(&gone, &to).await;
    assert!(matches!(&missing, Err(Error::NotFound { object }) if *object == gone), "{missing:?}");
    assert_eq!(store.head(&to).await.unwrap(), None);
}

async fn files_come_back(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let (dest, object) = (folder.path().join("new/folder/copy"), object("get_file/a"));
    let missing = store.get_file(&object, &dest).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    assert!(!dest.exists());
    let bytes = content(3 * MIB + 7);
    store.put_bytes(&object, bytes.clone()).await.unwrap();
    store.get_file(&object, &dest).await.unwrap();
    store.get_file(&object, &dest).await.unwrap();
    assert!(fs_err::read(&dest).unwrap() == bytes);
    assert_eq!(fs_err::read_dir(dest.parent().unwrap()).unwrap().count(), 1, "more than the file");
    assert_eq!(store.get_bytes(&object).await.unwrap(), bytes, "the object was not kept");
}

async fn what_is_missing_is_named(store: &Store) {
    store.put_bytes(&object("missing/folder/file"), "x").await.unwrap();
    for key in ["missing/no", "missing/folder", "missing/folder/file/below"] {
        let object = object(key);
        let error = store.get_bytes(&object).await.unwrap_err();
        assert!(matches!(&error, Error::NotFound { object: o } if *o == object), "{error:?}");
        assert!(!error.is_transient());
        assert_eq!(store.head(&object).await.unwrap(), None, "{key}");
    }
    assert_eq!(keys(store, "missing/no").await, [""; 0]);
}

async fn a_listing_is_sorted_and_keeps_to_whole_segments(store: &Store) {
    let all = ["list/a.b", "list/a/2", "list/a/deep/1", "list/ab/1", "list/z"];
    for key in all.iter().rev() {
        store.put_bytes(&object(*key), "x").await.unwrap();
    }
    assert_eq!(keys(store, "list").await, all);
    assert_eq!(keys(store, "list/").await, all);
    assert_eq!(keys(store, "list/a").await, ["list/a/2", "list/a/deep/1"]);
    assert_eq!(keys(store, "list/z").await, [""; 0], "an object is not below itself");
    assert_eq!(keys(store, "lis").await, [""; 0]);
    let everything = keys(store, "").await;
    assert!(everything.is_sorted() && all.iter().all(|key| everything.contains(&(*key).into())));
}

async fn deleting_can_be_repeated(store: &Store) {
    let (gone, stays) = (object("delete/a"), object("delete/b"));
    store.put_bytes(&gone, "x").await.unwrap();
    store.put_bytes(&stays, "x").await.unwrap();
    store.delete(&gone).await.unwrap();
    store.delete(&gone).await.unwrap();
    store.delete(&object("delete/never/was")).await.unwrap();
    assert_eq!(keys(store, "delete").await, ["delete/b"]);
}

async fn deleting_a_prefix_takes_everything_below(store: &Store) {
    for key in ["prefix/1/work/a", "prefix/1/work/deep/b", "prefix/1/workshop/c", "prefix/1/d"] {
        store.put_bytes(&object(key), "x").await.unwrap();
    }
    assert_eq!(store.delete_prefix(Bucket::Videos, "prefix/1/work").await.unwrap(), 2);
    assert_eq!(keys(store, "prefix").await, ["prefix/1/d", "prefix/1/workshop/c"]);
    assert_eq!(store.delete_prefix(Bucket::Videos, "prefix/1/work").await.unwrap(), 0);
    assert_eq!(store.delete_prefix(Bucket::Videos, "prefix/1/d").await.unwrap(), 0);
    assert_eq!(store.delete_prefix(Bucket::Videos, "prefix/never/was/").await.unwrap(), 0);
    assert_eq!(keys(store, "prefix").await, ["prefix/1/d", "prefix/1/workshop/c"]);
    assert_eq!(store.delete_prefix(Bucket::Videos, "prefix").await.unwrap(), 2);
}

async fn a_prefix_cannot_be_lost(store: &Store) {
    for prefix in ["", "/", "//", "..", "a/../b", "a//"] {
        let refused = store.delete_prefix(Bucket::Videos, prefix).await;
        assert!(matches!(refused, Err(Error::InvalidKey { .. })), "{prefix:?}: {refused:?}");
    }
    let refused = store.list(Bucket::Videos, "../thumbnails").await;
    assert!(matches!(refused, Err(Error::InvalidKey { .. })), "{refused:?}");
}

async fn unusual_keys_round_trip(store: &Store) {
    let names = [
        "with space.mp4",
        "plus+plus",
        "100%.txt",
        "%41%2F%20",
        "日本/ビデオ.mp4",
        "ü",
        "u\u{308}",
        "a&b=c?d",
        "x#y",
        "semi;colon:'\"<>",
        "...",
        "tilde~",
        "[1]{2}",
        "back\\slash",
        "*",
    ];
    let mut expected = Vec::new();
    for name in names {
        let object = object(format!("unusual/{name}"));
        store.put_bytes(&object, name).await.unwrap();
        expected.push(object.key().to_owned());
    }
    expected.sort();
    assert_eq!(keys(store, "unusual").await, expected);
    for name in names {
        let object = object(format!("unusual/{name}"));
        assert_eq!(store.get_bytes(&object).await.unwrap(), name);
        assert_eq!(store.head(&object).await.unwrap().unwrap().key, object.key());
    }
    assert_eq!(store.delete_prefix(Bucket::Videos, "unusual/日本").await.unwrap(), 1);
    let rest = store.delete_prefix(Bucket::Videos, "unusual").await.unwrap();
    assert_eq!(rest, names.len() as u64 - 1);
}

async fn buckets_are_separate(store: &Store) {
    for bucket in Bucket::ALL {
        let object = Object::new(bucket, "separate/a").unwrap();
        store.put_bytes(&object, bucket.as_str()).await.unwrap();
    }
    store.delete(&object("separate/a")).await.unwrap();
    let kept = Object::new(Bucket::Thumbnails, "separate/a").unwrap();
    assert_eq!(store.get_bytes(&kept).await.unwrap(), "thumbnails");
}

async fn the_store_can_be_checked(store: &Store) {
    join_all((0..8).map(|_| store.check())).await.into_iter().for_each(Result::unwrap);
    store.look().await.unwrap();
    let left = keys(store, "").await.into_iter().filter(|key| key.contains("check"));
    assert_eq!(left.count(), 0);
}
