//! Where the programme of an MPEG transport stream changes its elementary streams (ISO/IEC 13818-1).
//!
//! A new programme may bring another codec under the old packet identifier, or the same under a new
//! one. ffmpeg decodes the first as what it was before and takes the second for one more track, so
//! the parts of such a file have to be read each by itself.

use std::collections::VecDeque;

/// Sizes of a packet: plain, with the time stamp of a Blu-ray in front, with parity behind.
const SIZES: [usize; 3] = [188, 192, 204];
/// Bytes of a packet that count, from the sync byte on.
const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// Packets in a row that tell the size of one.
const ROW: usize = 5;
/// Bytes of a section at most (2.4.4.9: 1021 behind its length).
const SECTION_MAX: usize = 1024;
/// How far in front of a changed map the table that leads to it still begins the part, in bytes.
const TABLE_NEAR: u64 = 64 << 10;
/// Changes that are told of at most.
const CHANGES_MAX: usize = 64;

/// An elementary stream: packet identifier, stream type, and what the descriptors say of a private one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    pid: u16,
    kind: u8,
    private: u32,
}

/// The streams of a programme that are played: the first picture and the first sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Played {
    picture: Option<Stream>,
    sound: Option<Stream>,
}

/// Reads a file from its beginning, in pieces of any size.
#[derive(Debug, Default)]
pub struct Programmes {
    /// Bytes that are not read yet, and the place of the first.
    bytes: VecDeque<u8>,
    at: u64,
    size: Option<usize>,
    /// Where the last programme association table began.
    table: u64,
    map: Option<u16>,
    section: Vec<u8>,
    played: Option<Played>,
    changes: Vec<u64>,
}

impl Programmes {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let largest = SIZES[SIZES.len() - 1];
        while self.bytes.len() > largest * ROW {
            let Some(size) = self.size.or_else(|| self.size_here()) else {
                self.skip(1);
                continue;
            };
            if self.bytes[0] != SYNC || self.bytes[size] != SYNC {
                self.size = None;
                self.skip(1);
                continue;
            }
            self.size = Some(size);
            // Nearly all packets are of no interest, and are not copied.
            let pid = u16::from_be_bytes([self.bytes[1] & 0x1f, self.bytes[2]]);
            if pid == 0 || Some(pid) == self.map {
                let packet: Vec<u8> = self.bytes.range(..PACKET).copied().collect();
                self.packet(pid, &packet);
            }
            self.skip(size);
        }
    }

    /// Byte at which each programme but the first begins, in order.
    pub fn changes(self) -> Vec<u64> {
        self.changes
    }

    fn size_here(&self) -> Option<usize> {
        let fits = |size: &usize| (0..ROW).all(|row| self.bytes[row * size] == SYNC);
        SIZES.into_iter().find(fits)
    }

    fn skip(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.at += count as u64;
    }

    /// Reads one packet of a table (2.4.3.2).
    fn packet(&mut self, pid: u16, packet: &[u8]) {
        let begins = packet[1] & 0x40 != 0;
        let (adapted, filled) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let from = if adapted { 5 + usize::from(packet[4]) } else { 4 };
        let Some(payload) = packet.get(from..).filter(|_| filled && packet[1] & 0x80 == 0) else {
            return;
        };
        if begins {
            let pointer = payload.first().map_or(0, |&pointer| 1 + usize::from(pointer));
            self.section = payload.get(pointer..).unwrap_or_default().to_vec();
        } else if pid == 0 || self.section.is_empty() {
            return;
        } else {
            self.section.extend(payload);
        }
        if pid == 0 {
            self.table = self.at;
        }
        let Some(section) = whole(&self.section) else {
            if self.section.len() > SECTION_MAX {
                self.section.clear();
            }
            return;
        };
        match pid {
            0 => self.map = first_map(section).or(self.map),
            _ => {
                if let Some(played) = played(section) {
                    self.compare(played);
                }
            }
        }
        self.section.clear();
    }

    fn compare(&mut self, found: Played) {
        let before = self.played.replace(found);
        // A stream that is added changes nothing that was there.
        let gone = |before: Option<Stream>, now| before.is_some() && before != now;
        let Some(before) = before else { return };
        let changed = gone(before.picture, found.picture) || gone(before.sound, found.sound);
        if changed && self.changes.len() < CHANGES_MAX {
            let near = self.at - self.table <= TABLE_NEAR;
            self.changes.push(if near { self.table } else { self.at });
        }
    }
}

/// A section that is there to its end and not damaged, without its checksum.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([bytes.get(1)? & 0x0f, *bytes.get(2)?]));
    let section = bytes.get(..3 + length)?;
    let current = section.get(5)? & 1 == 1;
    (length >= 9 && current && checksum(section) == 0).then(|| &section[..section.len() - 4])
}

/// CRC-32 of annex A, which is 0 over a section with its own.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc & 0x8000_0000 == 0 { 0 } else { 0x04c1_1db7 }
        })
    })
}

/// Where the map of the first programme is, in an association table (2.4.4.3).
fn first_map(section: &[u8]) -> Option<u16> {
    let listed = section.get(8..).filter(|_| section[0] == 0)?.chunks_exact(4);
    let maps = listed.filter(|entry| entry[..2] != [0, 0]);
    maps.map(|entry| u16::from_be_bytes([entry[2] & 0x1f, entry[3]])).next()
}

/// What a programme map lists to be played (2.4.4.8).
fn played(section: &[u8]) -> Option<Played> {
    let skipped = section.get(10..12).filter(|_| section[0] == 2)?;
    let from = 12 + usize::from(u16::from_be_bytes([skipped[0] & 0x0f, skipped[1]]));
    let mut rest = section.get(from..)?;
    let mut played = Played::default();
    while let [kind, pid_high, pid_low, length_high, length_low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([length_high & 0x0f, *length_low]));
        let descriptors = behind.get(..length)?;
        rest = &behind[length..];
        let pid = u16::from_be_bytes([pid_high & 0x1f, *pid_low]);
        let private = if *kind == PRIVATE { private(descriptors) } else { 0 };
        let stream = Some(Stream { pid, kind: *kind, private });
        match nature(*kind, private) {
            Nature::Picture => played.picture = played.picture.or(stream),
            Nature::Sound => played.sound = played.sound.or(stream),
            Nature::Other => {}
        }
    }
    Some(played)
}

/// Stream type of private data, whose descriptors say what it is.
const PRIVATE: u8 = 0x06;

enum Nature {
    Picture,
    Sound,
    Other,
}

/// What a stream type stands for: table 2-34, and those of ATSC A/52 and SMPTE 227 as libavformat
/// knows them (`ISO_types`, `HDMV_types`, `MISC_types` of mpegts.c).
fn nature(kind: u8, private: u32) -> Nature {
    match kind {
        0x01 | 0x02 | 0x10 | 0x1b | 0x20 | 0x21 | 0x24 | 0x33 | 0x42 | 0xd1 | 0xd2 | 0xd4
        | 0xea => Nature::Picture,
        0x03 | 0x04 | 0x0f | 0x11 | 0x1c | 0x80..=0x85 | 0x87 | 0xa1 | 0xa2 | 0x8a => Nature::Sound,
        PRIVATE => match &private.to_be_bytes() {
            b"HEVC" | b"AV01" | b"VVC " | b"drac" | b"VC-1" => Nature::Picture,
            [0, 0, 0, tag] if SOUND_TAGS.contains(tag) => Nature::Sound,
            b"AC-3" | b"EAC3" | b"Opus" | b"DTS1" | b"DTS2" | b"DTS3" | b"BSSD" | b"ac-4" => {
                Nature::Sound
            }
            _ => Nature::Other,
        },
        _ => Nature::Other,
    }
}

/// Descriptors of AC-3, E-AC-3, DTS and AAC (ETSI EN 300 468, 6.1).
const SOUND_TAGS: [u8; 4] = [0x6a, 0x7a, 0x7b, 0x7c];
/// The registration descriptor (2.6.8).
const REGISTRATION: u8 = 0x05;

/// What the descriptors of private data say it is: a registered name, or the tag that names the codec.
fn private(mut descriptors: &[u8]) -> u32 {
    let mut found = 0;
    while let [tag, length, behind @ ..] = descriptors {
        let Some(body) = behind.get(..usize::from(*length)) else { break };
        match (*tag, body) {
            (REGISTRATION, [a, b, c, d, ..]) => return u32::from_be_bytes([*a, *b, *c, *d]),
            (tag, _) if SOUND_TAGS.contains(&tag) => found = u32::from(tag),
            _ => {}
        }
        descriptors = &behind[body.len()..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with a payload, the rest of it stuffed.
    fn packet(pid: u16, begins: bool, payload: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![SYNC, high | if begins { 0x40 } else { 0 }, low, 0x10];
        packet.extend(payload);
        packet.resize(PACKET, 0xff);
        packet
    }

    fn section(table: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(5 + body.len() + 4).unwrap().to_be_bytes();
        let mut bytes = vec![table, 0xb0 | length[0], length[1], 0, 1, 0xc1, 0, 0];
        bytes.extend(body);
        bytes.extend(checksum(&bytes).to_be_bytes());
        bytes
    }

    /// Tables and twenty packets of a programme of these streams (type, identifier, descriptors).
    fn programme(map: u16, streams: &[(u8, u16, &[u8])]) -> Vec<u8> {
        let [high, low] = map.to_be_bytes();
        let table = [vec![0], section(0, &[0, 1, 0xe0 | high, low])].concat();
        let mut body = vec![0xe1, 0, 0xf0, 0];
        for (kind, pid, descriptors) in streams {
            let [high, low] = pid.to_be_bytes();
            body.extend([*kind, 0xe0 | high, low, 0xf0, u8::try_from(descriptors.len()).unwrap()]);
            body.extend(*descriptors);
        }
        let map_section = [vec![0], section(2, &body)].concat();
        let mut bytes = packet(0, true, &table);
        for (at, part) in map_section.chunks(PACKET - 4).enumerate() {
            bytes.extend(packet(map, at == 0, part));
        }
        for _ in 0..20 {
            bytes.extend(packet(0x100, true, &[0, 0, 1, 0xe0]));
        }
        bytes
    }

    fn changes(bytes: &[u8], piece: usize) -> Vec<u64> {
        let mut programmes = Programmes::new();
        bytes.chunks(piece).for_each(|piece| programmes.push(piece));
        // What is read ahead of a packet.
        programmes.push(&vec![0; 204 * ROW]);
        programmes.changes()
    }

    const H264: (u8, u16, &[u8]) = (0x1b, 0x100, &[]);
    const AAC: (u8, u16, &[u8]) = (0x0f, 0x101, &[]);

    #[test]
    fn a_codec_or_an_identifier_that_goes_is_a_change() {
        let (first, begin) = (programme(0x1000, &[H264, AAC]), 22 * PACKET as u64);
        let private: (u8, u16, &[u8]) = (0x06, 0x101, &[0x05, 4, b'A', b'C', b'-', b'3']);
        for (second, told) in [
            (programme(0x1000, &[H264, AAC]), false),
            (programme(0x1001, &[H264, AAC]), false),
            (programme(0x1000, &[H264, AAC, (0x81, 0x102, &[])]), false),
            (programme(0x1000, &[H264, (0x81, 0x101, &[])]), true),
            (programme(0x1000, &[H264, private]), true),
            (programme(0x1000, &[H264, (0x0f, 0x105, &[])]), true),
            (programme(0x1000, &[(0x02, 0x100, &[]), AAC]), true),
            (programme(0x1000, &[H264]), true),
        ] {
            let bytes = [first.clone(), second].concat();
            let expected = if told { vec![begin] } else { vec![] };
            for piece in [bytes.len(), 1000, 7] {
                assert_eq!(changes(&bytes, piece), expected);
            }
        }
    }

    #[test]
    fn packets_are_found_whatever_lies_around_them() {
        let first = programme(0x1000, &[H264, AAC]);
        let second = programme(0x1000, &[H264, (0x03, 0x101, &[])]);
        let plain = [first.clone(), second.clone()].concat();
        for (before, behind) in [(4, 0), (0, 16)] {
            let wrap = |packet: &[u8]| [&vec![0x11; before][..], packet, &vec![0; behind]].concat();
            let wrapped: Vec<u8> = plain.chunks(PACKET).flat_map(wrap).collect();
            let size = (PACKET + before + behind) as u64;
            assert_eq!(changes(&wrapped, 4096), [22 * size + before as u64]);
        }
        // Files joined where a packet is torn.
        let torn = [&first[..first.len() - 100], &second].concat();
        let found = changes(&torn, 4096);
        assert_eq!(found, [first.len() as u64 - 100]);
    }

    #[test]
    fn a_map_may_be_long_and_a_damaged_one_says_nothing() {
        let long: &[u8] = &[0xaa; 150];
        let padded = [(0x86, 0x200, long), (0x86, 0x201, long), H264, AAC];
        let other = [(0x86, 0x200, long), (0x86, 0x201, long), H264, (0x11, 0x101, &[][..])];
        let first = programme(0x1000, &padded);
        assert_eq!(
            changes(&[first.clone(), programme(0x1000, &other)].concat(), 4096),
            [first.len() as u64]
        );
        let mut damaged = programme(0x1000, &[H264]);
        damaged[PACKET + 20] ^= 1;
        assert!(changes(&[first, damaged].concat(), 4096).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_are_read_to_their_end(
            mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6000),
            size in 0usize..3,
        ) {
            for at in (0..bytes.len()).step_by(SIZES[size]) {
                bytes[at] = SYNC;
            }
            let _ = changes(&bytes, 512);
        }
    }
}
