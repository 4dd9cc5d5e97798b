//! Measures how fast one core reads a publisher's bytes: `cargo run --release -p rtmp --example
//! throughput`. The frames are as large as those of 1080p at 6 Mbit/s, cut into the chunks that
//! publishers use.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use rtmp::{Event, Limits, Session};
use std::{
    error::Error,
    time::{Duration, Instant},
};

/// A message with a full header, and its continuations.
fn chunks(chunk_stream: u8, kind: u8, payload: &[u8], chunk_bytes: usize) -> Vec<u8> {
    let [a, b, c, d] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    debug_assert_eq!(a, 0);
    let mut bytes = vec![chunk_stream, 0, 0, 0, b, c, d, kind, 1, 0, 0, 0];
    for (n, part) in payload.chunks(chunk_bytes).enumerate() {
        bytes.extend((n > 0).then_some(0xc0 | chunk_stream));
        bytes.extend(part);
    }
    bytes
}

fn text(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&[2][..], &length.to_be_bytes(), text].concat()
}

/// Everything up to the first frame: handshake, `connect`, `publish` and the chunk size.
fn prelude(chunk_bytes: u32) -> Vec<u8> {
    let mut handshake = vec![0; 1 + 2 * 1536];
    handshake[0] = 3;
    let number = [0; 9];
    let connect = [&text(b"connect")[..], &number, &[3, 0, 0, 9]].concat();
    let publish = [&text(b"publish")[..], &number, &[5], &text(b"key")].concat();
    let commands = [chunks(3, 20, &connect, 128), chunks(3, 20, &publish, 128)].concat();
    [handshake, commands, chunks(2, 1, &chunk_bytes.to_be_bytes(), 128)].concat()
}

fn main() -> Result<(), Box<dyn Error>> {
    for chunk_bytes in [128_u32, 4096, 60_000] {
        let size = usize::try_from(chunk_bytes)?;
        let picture = chunks(6, 9, &[&[0x27, 1, 0, 0, 0][..], &vec![7; 25_000]].concat(), size);
        let sound = chunks(4, 8, &[&[0xaf, 1][..], &vec![7; 350]].concat(), size);
        let second = [picture, sound.clone(), sound].concat().repeat(30);
        let limits = Limits { bits_per_second: u64::MAX, ..Limits::default() };
        let mut session = Session::new(limits, 1);
        let (mut frames, mut bytes, started) = (0, 0, Instant::now());
        let start = prelude(chunk_bytes);
        let seconds = std::iter::repeat_n(&second[..], 1 + (1 << 30) / second.len());
        for piece in std::iter::once(&start[..]).chain(seconds).flat_map(|it| it.chunks(16 << 10)) {
            let mut input = piece;
            while let Some(event) = session.receive(Duration::ZERO, &mut input)? {
                match event {
                    Event::Publish(_) => session.accept(Duration::ZERO),
                    _ => frames += 1,
                }
            }
            session.take_output();
            bytes += piece.len();
        }
        let seconds = started.elapsed().as_secs_f64();
        let gib = bytes as f64 / f64::from(1 << 30);
        println!("chunks of {chunk_bytes}: {frames} frames, {:.2} GiB/s", gib / seconds);
    }
    Ok(())
}
