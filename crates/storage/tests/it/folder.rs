//! What only the store in a folder can show: paths, moves, leftovers of dead writers.

use std::os::unix::fs::MetadataExt;

use storage::{Bucket, Error, Object, Readable, Store, Version};
use tempfile::TempDir;

use crate::conformance::{self, keys, object};

fn open() -> (TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open_folder(root.path()).unwrap();
    (root, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let (_root, store) = open();
    conformance::run(&store).await;
}

#[tokio::test]
async fn an_object_is_a_file_below_its_bucket() {
    let (root, store) = open();
    let object = Object::new(Bucket::Mezzanine, "1/100% +ü.mp4").unwrap();
    store.put_bytes(&object, "x").await.unwrap();
    let expected = root.path().canonicalize().unwrap().join("mezzanine/1/100% +ü.mp4");
    let source = store.open(&object, None).await.unwrap();
    assert_eq!(*source.readable(), Readable::Path(expected.clone()));
    assert_eq!(store.local_path(&object).unwrap(), expected);
    assert_eq!(fs_err::read(expected).unwrap(), b"x");
    assert_eq!(store.folder_root().unwrap(), root.path().canonicalize().unwrap());
}

#[tokio::test]
async fn opening_again_keeps_what_is_there() {
    let (root, store) = open();
    store.put_bytes(&object("a"), "x").await.unwrap();
    let again = Store::open_folder(root.path()).unwrap();
    assert_eq!(again.get_bytes(&object("a")).await.unwrap(), "x");
}

#[tokio::test]
async fn a_finished_file_is_moved_not_copied() {
    let (root, store) = open();
    let local = root.path().join("seg-1.m4s");
    fs_err::write(&local, "segment").unwrap();
    let inode = fs_err::metadata(&local).unwrap().ino();
    store.put_file(&object("1/seg-1.m4s"), &local).await.unwrap();
    let placed = fs_err::metadata(root.path().join("videos/1/seg-1.m4s")).unwrap();
    assert_eq!(placed.ino(), inode);
}

#[tokio::test]
async fn a_linked_file_is_copied_so_that_nobody_can_change_it() {
    let (root, store) = open();
    let (users, linked) = (root.path().join("users.mp4"), root.path().join("linked.mp4"));
    fs_err::write(&users, "as it was").unwrap();
    for link in [fs_err::hard_link, fs_err::os::unix::fs::symlink] {
        link(&users, &linked).unwrap();
        store.put_file(&object("1/original.mp4"), &linked).await.unwrap();
        assert!(!linked.exists() && users.exists());
        fs_err::write(&users, "edited").unwrap();
        assert_eq!(store.get_bytes(&object("1/original.mp4")).await.unwrap(), "as it was");
        fs_err::write(&users, "as it was").unwrap();
    }
}

/// `/dev/shm` is a file system of its own on every Linux that has it.
#[tokio::test]
async fn a_file_from_another_file_system_is_copied_in() {
    let (root, store) = open();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    let device = |path| fs_err::metadata(path).unwrap().dev();
    if device(elsewhere.path()) == device(root.path()) {
        return;
    }
    let local = elsewhere.path().join("local");
    fs_err::write(&local, "x").unwrap();
    store.put_file(&object("1/a"), &local).await.unwrap();
    assert!(!local.exists());
    assert_eq!(store.get_bytes(&object("1/a")).await.unwrap(), "x");
    assert_eq!(fs_err::read_dir(root.path().join("videos/1")).unwrap().count(), 1);
}

#[tokio::test]
async fn half_written_files_are_hidden_and_go_with_the_prefix() {
    let (root, store) = open();
    store.put_bytes(&object("1/a"), "x").await.unwrap();
    fs_err::write(root.path().join("videos/1/a#1"), "half").unwrap();
    assert_eq!(keys(&store, "").await, ["1/a"]);
    store.put_bytes(&object("1/a"), "y").await.unwrap();
    assert_eq!(store.get_bytes(&object("1/a")).await.unwrap(), "y");
    assert_eq!(store.delete_prefix(Bucket::Videos, "1").await.unwrap(), 1);
    assert_eq!(fs_err::read_dir(root.path().join("videos")).unwrap().count(), 0);
}

#[tokio::test]
async fn empty_folders_go_with_the_prefix_and_buckets_stay() {
    let (root, store) = open();
    store.put_bytes(&object("1/deep/gone"), "x").await.unwrap();
    store.delete(&object("1/deep/gone")).await.unwrap();
    store.put_bytes(&object("1/deep/er/a"), "x").await.unwrap();
    store.delete_prefix(Bucket::Videos, "1/deep/er").await.unwrap();
    assert_eq!(fs_err::read_dir(root.path().join("videos")).unwrap().count(), 0);
}

/// A disk that is not mounted is not a store without objects.
#[tokio::test]
async fn without_its_folder_a_bucket_is_unavailable() {
    let (root, store) = open();
    assert_eq!(store.head(&object("1/a")).await.unwrap(), None);
    fs_err::rename(root.path().join("videos"), root.path().join("elsewhere")).unwrap();
    for error in [
        store.head(&object("1/a")).await.unwrap_err(),
        store.get_bytes(&object("1/a")).await.unwrap_err(),
        store.open(&object("1/a"), None).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unavailable { .. }) && error.is_transient(), "{error:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_read_is_named() {
    let (_root, store) = open();
    let object = object("1/a.mp4");
    store.put_bytes(&object, "one").await.unwrap();
    let meta = store.head(&object).await.unwrap().unwrap();
    let seen = Version { bytes: meta.bytes, etag: meta.etag };
    let source = store.open(&object, Some(seen.clone())).await.unwrap();
    let done = source.during(async { Ok::<_, ()>(1) }).await.unwrap();
    assert_eq!(done, Ok(1));
    let replace = async {
        store.put_bytes(&object, "two").await.unwrap();
        Ok::<_, ()>(2)
    };
    let error = Box::pin(source.during(replace)).await.unwrap_err();
    assert!(matches!(&error, Error::Replaced { what } if what == "videos/1/a.mp4"), "{error:?}");
    let error = store.open(&object, Some(seen)).await.unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    store.delete(&object).await.unwrap();
    let error = store.open(&object, None).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

/// The runtime waits for blocking work when it is dropped, so nothing is still under way after.
#[test]
fn a_dropped_copy_leaves_nothing() {
    let (root, store) = open();
    let local = root.path().join("local");
    fs_err::File::create(&local).unwrap().file().set_len(1 << 30).unwrap();
    for copy in [Copying::In, Copying::Out] {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let object = object("1/a");
            let out = root.path().join("out");
            let dest = out.join("dest");
            match copy {
                Copying::In => tokio::select! {
                    biased;
                    done = store.copy_file(&object, &local) => panic!("too fast: {done:?}"),
                    () = tokio::task::yield_now() => {}
                },
                Copying::Out => {
                    store.put_file(&object, &local).await.unwrap();
                    tokio::select! {
                        biased;
                        done = store.get_file(&object, &dest) => panic!("too fast: {done:?}"),
                        () = until_staged(&out) => {}
                    }
                }
            }
        });
        drop(runtime);
        let left = ["videos/1", "out"].map(|folder| names(&root.path().join(folder)));
        let expected = if copy == Copying::In { vec![] } else { vec!["a".to_owned()] };
        assert_eq!(left, [expected, vec![]]);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Copying {
    In,
    Out,
}

async fn until_staged(folder: &std::path::Path) {
    while names(folder).is_empty() {
        tokio::task::yield_now().await;
    }
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Many callers make and remove the same folders, which must not make any of them fail.
#[tokio::test(flavor = "multi_thread")]
async fn folders_that_come_and_go_disturb_nobody() {
    let (root, store) = open();
    let callers = (0..4).map(|caller| {
        let (store, local) = (store.clone(), root.path().join(format!("local-{caller}")));
        tokio::spawn(async move {
            for _ in 0..50 {
                let object = object(format!("1/shared/{caller}/a"));
                fs_err::write(&local, "x").unwrap();
                store.put_file(&object, &local).await.unwrap();
                let prefix = format!("1/shared/{caller}");
                store.delete_prefix(Bucket::Videos, &prefix).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// Root may write anywhere, so the refusal comes from a file where a folder is needed.
#[tokio::test]
async fn a_store_that_cannot_be_written_to_fails_its_check() {
    let (root, store) = open();
    store.check().await.unwrap();
    fs_err::remove_dir(root.path().join("thumbnails")).unwrap();
    fs_err::write(root.path().join("thumbnails"), "in the way").unwrap();
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, Error::Io { .. } | Error::NotFound { .. }), "{error:?}");
    assert!(matches!(store.look().await.unwrap_err(), Error::Io { .. }));
}

#[tokio::test]
async fn a_reserve_is_kept_free_and_things_can_still_be_removed() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("local");
    fs_err::write(&file, "x").unwrap();
    Store::open_folder(root.path()).unwrap().put_bytes(&object("old"), "x").await.unwrap();
    // More than any disk has.
    let store = Store::open_folder_beside(root.path(), 1 << 60).unwrap();
    let refused = [
        store.put_bytes(&object("a"), "x").await,
        store.create_bytes(&object("a"), "x").await.map(drop),
        store.copy_file(&object("a"), &file).await,
        store.put_file(&object("a"), &file).await,
    ];
    for result in refused {
        assert!(matches!(result, Err(Error::NoSpace { .. })), "{result:?}");
    }
    assert_eq!(store.get_bytes(&object("old")).await.unwrap(), "x");
    store.delete(&object("old")).await.unwrap();
    let roomy = Store::open_folder_beside(root.path(), 1).unwrap();
    roomy.put_file(&object("a"), &file).await.unwrap();
}
