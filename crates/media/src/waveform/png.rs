//! A picture of peaks, as PNG: one bit per pixel, filled or transparent.
//!
//! A picture this small fits one uncompressed block, so no compressor is needed.

/// Size of the picture in pixels.
const WIDTH: usize = 1800;
const HEIGHT: usize = 280;
/// Bytes of a line, which begins with the number of its filter.
const LINE: usize = 1 + WIDTH / 8;
/// Red, green and blue of the peaks.
const COLOUR: [u8; 3] = [0x3b, 0x82, 0xf6];

/// Draws peaks over the whole width, the zero line in the middle.
pub(super) fn draw(peaks: &[(i8, i8)]) -> Vec<u8> {
    let mut lines = vec![0_u8; LINE * HEIGHT];
    for column in 0..WIDTH {
        let (low, high) = within(peaks, column);
        for row in row(high)..=row(low) {
            lines[row * LINE + 1 + column / 8] |= 0x80 >> (column % 8);
        }
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    // Depth 1, palette, and the only compression, filtering and interlacing there is.
    let mut header = [size(WIDTH), size(HEIGHT)].concat();
    header.extend([1, 3, 0, 0, 0]);
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"PLTE", &[[0; 3], COLOUR].concat());
    chunk(&mut file, *b"tRNS", &[0, 255]);
    chunk(&mut file, *b"IDAT", &stored(&lines));
    chunk(&mut file, *b"IEND", &[]);
    file
}

/// The peaks that fall into a column; the nearest where there are fewer peaks than columns.
fn within(peaks: &[(i8, i8)], column: usize) -> (i8, i8) {
    let start = column * peaks.len() / WIDTH;
    let end = ((column + 1) * peaks.len() / WIDTH).max(start + 1).min(peaks.len());
    let some = peaks.get(start..end).unwrap_or_default();
    some.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
}

/// The line a level is drawn on; the highest is the first.
fn row(level: i8) -> usize {
    usize::from((i8::MAX.wrapping_sub(level)).cast_unsigned()) * (HEIGHT - 1) / 255
}

/// zlib (RFC 1950) around one stored block (RFC 1951, 3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or_else(|_| unreachable!("the size is fixed"));
    let mut stream = vec![0x78, 0x01, 1];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(data);
    let (mut low, mut high) = (1_u32, 0_u32);
    for &byte in data {
        low = (low + u32::from(byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    stream.extend(((high << 16) | low).to_be_bytes());
    stream
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend(size(data.len()));
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc(&file[start..]);
    file.extend(sum.to_be_bytes());
}

fn size(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or_else(|_| unreachable!("the size is fixed")).to_be_bytes()
}

/// CRC-32 of ISO 3309, bit by bit.
fn crc(data: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for &byte in data {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}
