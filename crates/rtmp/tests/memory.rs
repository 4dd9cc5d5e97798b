//! What a connection makes us hold, counted by the allocator.

#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/wire.rs"]
#[expect(dead_code, reason = "what publishers of other tests need as well")]
mod wire;

use proptest::{collection::vec, prelude::*};
use rtmp::{Event, Limits, Session};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

/// Bytes that a connection may make us hold.
const HELD_MAX: usize = 12 << 20;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static HELD_PEAK: Cell<usize> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD.set(HELD.get().wrapping_add(layout.size()));
        // What was freed here and allocated on another thread makes the number wrap below zero.
        if HELD.get() < usize::MAX / 2 {
            HELD_PEAK.set(HELD_PEAK.get().max(HELD.get()));
        }
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs something; returns the bytes held at its worst beyond those at its start, and allocations.
fn cost(run: impl FnOnce()) -> (usize, usize) {
    HELD.set(0);
    HELD_PEAK.set(0);
    let allocations = ALLOCATIONS.get();
    run();
    (HELD_PEAK.get(), ALLOCATIONS.get() - allocations)
}

/// Feeds bytes as they come from a socket, drops every event, and sends no reply before the end.
fn feed(session: &mut Session, bytes: &[u8]) {
    for mut piece in bytes.chunks(64 << 10) {
        while let Ok(Some(event)) = session.receive(Duration::ZERO, &mut piece) {
            if matches!(event, Event::Publish(_)) {
                session.accept(Duration::ZERO);
            }
        }
    }
}

fn held_by(bytes: &[u8]) -> usize {
    cost(|| {
        let mut session = Session::new(Limits::default(), 1);
        feed(&mut session, &wire::prelude());
        feed(&mut session, bytes);
    })
    .0
}

/// The start of a message: all but its last byte.
fn unfinished(chunk_stream: u8, kind: u8, length: usize, fill: u8) -> Vec<u8> {
    let mut bytes = wire::stamped(chunk_stream, kind, 1, 0, &vec![fill; length], 0x20_0000);
    bytes.pop();
    bytes
}

#[test]
fn the_worst_that_is_known_stays_below_the_bound() {
    let chunk_size = wire::message(2, 1, 0, &0x20_0000_u32.to_be_bytes());
    let many: Vec<u8> = (4..18).flat_map(|id| unfinished(id, 9, 420_000, 0)).collect();
    let growing: Vec<u8> = (4..7).flat_map(|id| unfinished(id, 9, 4 << 20, 0)).collect();
    let whole = wire::stamped(18, 22, 1, 0, &vec![8; 4 << 20], 0x20_0000);
    let empty_keys = [vec![8, 0, 0, 0, 0], [0, 0, 5].repeat(1000)].concat();
    let metadata = [wire::text("onMetaData"), empty_keys].concat();
    for (name, bytes) in [
        ("many unfinished messages", many.clone()),
        ("and a whole one", [many, whole].concat()),
        ("large ones that grow", growing),
        ("lengths without bytes", (4..18).flat_map(|id| unfinished(id, 9, 1, 0)).collect()),
        ("many small values", wire::stamped(4, 18, 1, 0, &metadata, 0x20_0000)),
        ("many replies", wire::message(2, 4, 0, &[0, 6, 1, 2, 3, 4]).repeat(10_000)),
    ] {
        let held = held_by(&[&chunk_size[..], &bytes].concat());
        assert!(held <= HELD_MAX, "{name}: {held} bytes");
    }
}

#[test]
fn a_length_alone_costs_nothing() {
    let header = |id| vec![id, 0, 0, 0, 0x3f, 0xff, 0xff, 9, 1, 0, 0, 0];
    let held = held_by(&header(4));
    assert!(held < 16 << 10, "{held} bytes for a header");
    // With a first chunk, each of 14 messages of 4 MiB holds 64 KiB.
    let chunks = (4..18).flat_map(|id| [header(id), vec![0; 128]].concat());
    let held = held_by(&chunks.collect::<Vec<_>>());
    assert!(held < 1 << 20, "{held} bytes for headers and their first chunks");
}

#[test]
fn chunks_cost_no_allocation() {
    let mut session = wire::publishing(Limits::default());
    // Twenty frames of 300 chunks each, as a publisher with the first chunk size sends them.
    let frame = wire::stamped(4, 8, 1, 0, &vec![0x73; 300 * 128], 128);
    let bytes = frame.repeat(20);
    let (_, allocations) = cost(|| feed(&mut session, &bytes));
    assert!(allocations <= 2 * 20, "{allocations} allocations for 20 frames");
}

/// Mostly short, since filling long ones takes its time.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![40 => 1..5_000_usize, 1 => 1..(4_usize << 20)]
}

proptest! {
    #[test]
    fn hostile_messages_hold_no_more_than_they_may(
        messages in vec((2..20_u8, 0..24_u8, length(), any::<u8>(), any::<bool>()), 1..10),
    ) {
        let chunk_size = wire::message(2, 1, 0, &0x20_0000_u32.to_be_bytes());
        let messages = messages.iter().flat_map(|(id, kind, length, fill, is_whole)| {
            let mut bytes = unfinished(*id, *kind, *length, *fill);
            bytes.extend(is_whole.then_some(*fill));
            bytes
        });
        let bytes: Vec<u8> = chunk_size.into_iter().chain(messages).collect();
        let held = held_by(&bytes);
        prop_assert!(held <= HELD_MAX, "{} bytes", held);
    }
}
