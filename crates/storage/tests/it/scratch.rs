//! Scratch on a real disk: what is removed, when, and what is left alone.

use std::path::{Path, PathBuf};

use storage::{Error, Scratch};

fn entries(path: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn an_attempt_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(root.path(), 0).unwrap();
    let attempt = scratch.attempt("chunk 7/../..").unwrap();
    let path = attempt.path().to_owned();
    assert!(path.starts_with(scratch.path().unwrap()) && path.is_dir());
    fs_err::create_dir_all(path.join("deep")).unwrap();
    fs_err::write(path.join("deep/seg-1.m4s"), "x").unwrap();
    drop(attempt);
    assert!(!path.exists());
    assert!(scratch.path().unwrap().exists());
}

#[test]
fn attempts_of_one_name_do_not_meet() {
    let root = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(root.path(), 0).unwrap();
    let (one, two) = (scratch.attempt("a").unwrap(), scratch.attempt("a").unwrap());
    assert_ne!(one.path(), two.path());
}

#[test]
fn the_folder_of_the_process_goes_with_its_last_user() {
    let root = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(root.path(), 0).unwrap();
    let attempt = scratch.attempt("a").unwrap();
    drop(scratch);
    assert!(attempt.path().exists(), "a running attempt lost its folder");
    drop(attempt);
    assert!(entries(root.path()).is_empty());
}

#[test]
fn dead_processes_are_swept_and_living_ones_are_not() {
    let root = tempfile::tempdir().unwrap();
    let living = Scratch::open(root.path(), 0).unwrap();
    let working = living.attempt("working").unwrap();
    fs_err::write(working.path().join("half"), "x").unwrap();
    // What a killed process leaves: its folder, its attempts, and a lock that nobody holds.
    let dead = root.path().join("millrace-1-1-0");
    fs_err::create_dir_all(dead.join("0-chunk/deep")).unwrap();
    fs_err::write(dead.join("0-chunk/deep/half"), "x").unwrap();
    fs_err::write(dead.join(".lock"), "").unwrap();
    let never_locked = root.path().join("millrace-1-2-0");
    fs_err::create_dir(&never_locked).unwrap();

    let opened = Scratch::open(root.path(), 0).unwrap();
    assert!(!dead.exists() && !never_locked.exists());
    assert!(working.path().join("half").exists());
    assert_ne!(opened.path().unwrap(), living.path().unwrap());
    assert_eq!(entries(root.path()).len(), 2);
}

#[test]
fn what_scratch_did_not_make_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let (folder, file) = (root.path().join("holiday"), root.path().join("millrace-notes.txt"));
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(&file, "x").unwrap();
    let linked = root.path().join("millrace-1-1-0");
    fs_err::os::unix::fs::symlink(&folder, &linked).unwrap();
    fs_err::write(folder.join("photo"), "x").unwrap();
    Scratch::open(root.path(), 0).unwrap();
    assert!(folder.join("photo").exists() && file.exists() && linked.exists());
}

#[test]
fn new_work_is_refused_under_the_reserve() {
    let root = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(root.path(), u64::MAX).unwrap();
    let refused = scratch.attempt("a").unwrap_err();
    assert!(matches!(refused, Error::NoSpace { free, reserve } if free < reserve), "{refused:?}");
    assert!(refused.is_transient());
    assert!(entries(scratch.path().unwrap()).is_empty());
    assert!(scratch.free_bytes().unwrap() > 0);
}

#[tokio::test]
async fn what_a_process_does_not_use_is_neither_made_nor_read() {
    let (scratch, store) = (Scratch::absent(), storage::Store::absent());
    let not_opened = |error: storage::Error| {
        assert!(matches!(error, storage::Error::NotOpened { .. }) && !error.is_transient());
    };
    not_opened(scratch.attempt("a").unwrap_err());
    not_opened(scratch.resumable("a").unwrap_err());
    not_opened(scratch.kept().unwrap_err());
    not_opened(scratch.free_bytes().unwrap_err());
    not_opened(store.look().await.unwrap_err());
    not_opened(store.list(storage::Bucket::Videos, "").await.unwrap_err());
    assert!(store.folder_root().is_none());
}
