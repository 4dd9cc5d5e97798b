//! What arrives in pieces: kept whatever happens, and never more than counts.

use storage::{Arrival, Bytes, Claim, Error, Incoming};

/// A dropped handle may still be writing what it was given, and holds its lock until then.
async fn ours(incoming: &Incoming, name: &str) -> Arrival {
    loop {
        match incoming.claim(name).await.unwrap() {
            Claim::Ours(arrival) => return arrival,
            Claim::Busy => tokio::task::yield_now().await,
            Claim::Missing => panic!("{name} is missing"),
        }
    }
}

async fn append(arrival: &mut Arrival, text: &'static str) {
    arrival.append(&Bytes::from_static(text.as_bytes())).await.unwrap();
}

#[tokio::test]
async fn what_was_appended_is_found_again_also_when_nobody_kept_it() {
    let folder = tempfile::tempdir().unwrap();
    let incoming = Incoming::open(&folder.path().join("new"), 0).unwrap();
    assert_eq!(incoming.bytes("a").await.unwrap(), None);
    incoming.create("a", 9).await.unwrap();
    assert_eq!(incoming.bytes("a").await.unwrap(), Some(0));
    let mut arrival = ours(&incoming, "a").await;
    append(&mut arrival, "one").await;
    arrival.keep().await.unwrap();
    append(&mut arrival, "two").await;
    // As when a request breaks off: what was written is on its way to the file.
    drop(arrival);
    let mut arrival = ours(&incoming, "a").await;
    assert_eq!(arrival.bytes(), 6);
    append(&mut arrival, "end").await;
    arrival.keep().await.unwrap();
    assert_eq!(fs_err::read(arrival.path()).unwrap(), b"onetwoend");
    assert_eq!(incoming.bytes("a").await.unwrap(), Some(9));
}

#[tokio::test]
async fn an_unchecked_piece_counts_only_once_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let incoming = Incoming::open(folder.path(), 0).unwrap();
    incoming.create("a", 9).await.unwrap();
    let mut arrival = ours(&incoming, "a").await;
    append(&mut arrival, "one").await;
    arrival.keep().await.unwrap();

    arrival.begin_unchecked().await.unwrap();
    append(&mut arrival, "bad").await;
    assert_eq!(incoming.bytes("a").await.unwrap(), Some(3));
    arrival.take_back().await.unwrap();
    assert_eq!((arrival.bytes(), incoming.bytes("a").await.unwrap()), (3, Some(3)));

    arrival.begin_unchecked().await.unwrap();
    append(&mut arrival, "good").await;
    arrival.keep().await.unwrap();
    assert_eq!(incoming.bytes("a").await.unwrap(), Some(7));

    arrival.begin_unchecked().await.unwrap();
    append(&mut arrival, "lost").await;
    let path = arrival.path().to_owned();
    // A killed process runs no destructor, so neither does this one; the lock ends with the file.
    drop(arrival);
    assert_eq!(incoming.bytes("a").await.unwrap(), Some(7));
    let again = ours(&incoming, "a").await;
    assert_eq!(again.bytes(), 7);
    assert_eq!(fs_err::read(path).unwrap(), b"onegood");
    let names: Vec<_> = incoming.names().await.unwrap().into_iter().map(|found| found.0).collect();
    assert_eq!(names, ["a"]);
}

#[tokio::test]
async fn one_writes_at_a_time_and_what_is_removed_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (incoming, elsewhere) =
        (Incoming::open(folder.path(), 0).unwrap(), Incoming::open(folder.path(), 0).unwrap());
    incoming.create("a", 1).await.unwrap();
    let arrival = ours(&incoming, "a").await;
    assert!(matches!(elsewhere.claim("a").await.unwrap(), Claim::Busy));
    arrival.remove().await.unwrap();
    assert!(matches!(elsewhere.claim("a").await.unwrap(), Claim::Missing));
    assert_eq!(incoming.bytes("a").await.unwrap(), None);
}

#[tokio::test]
async fn what_does_not_fit_beside_the_reserve_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (reserve, bytes) in [(u64::MAX, 0), (0, u64::MAX), (u64::MAX, u64::MAX)] {
        let incoming = Incoming::open(folder.path(), reserve).unwrap();
        let refused = incoming.create("a", bytes).await;
        assert!(matches!(refused, Err(Error::NoSpace { .. })), "{refused:?}");
        assert_eq!(incoming.bytes("a").await.unwrap(), None);
    }
}

#[tokio::test]
async fn bytes_nobody_announced_leave_the_reserve_free() {
    let folder = tempfile::tempdir().unwrap();
    let free = Incoming::open(folder.path(), 0).unwrap();
    free.create("a", 0).await.unwrap();
    let mut arrival = ours(&free, "a").await;
    append(&mut arrival, "kept").await;
    arrival.keep().await.unwrap();
    drop(arrival);
    // The same folder once its disk has less than its reserve.
    let full = Incoming::open(folder.path(), u64::MAX / 2).unwrap();
    let mut arrival = ours(&full, "a").await;
    let refused = arrival.append(&Bytes::from_static(b"more")).await;
    assert!(matches!(refused, Err(Error::NoSpace { .. })), "{refused:?}");
    arrival.keep().await.unwrap();
    assert_eq!(full.bytes("a").await.unwrap(), Some(4));
    assert_eq!(full.arrived_bytes().await.unwrap(), 4);
}
