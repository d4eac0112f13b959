// SPDX-License-Identifier: Apache-2.0
//! What a console's client sends: frames of a kind (one byte), a length (two
//! bytes, little-endian) and so many bytes. What it gets is plain output,
//! beginning with the history.

/// Kinds of frames.
const INPUT: u8 = 0;
/// Columns and rows, two bytes each, little-endian.
const SIZE: u8 = 1;

const HEADER: usize = 3;
/// Longest payload that is sent in one frame.
const LONGEST: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Input(Vec<u8>),
    Size { columns: u16, rows: u16 },
}

/// Frames with what was typed.
pub fn encode_input(bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks(LONGEST)
        .flat_map(|chunk| encode(INPUT, chunk))
        .collect()
}

/// A frame with the client's window size.
pub fn encode_size(columns: u16, rows: u16) -> Vec<u8> {
    encode(SIZE, &[columns.to_le_bytes(), rows.to_le_bytes()].concat())
}

fn encode(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_le_bytes();
    [&[kind], length.as_slice(), payload].concat()
}

/// Puts a client's bytes together to frames.
#[derive(Debug, Default)]
pub struct Decoder(Vec<u8>);

/// The client sent something else than frames.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Decoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole frame.
    pub fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        let Some(&[kind, low, high]) = self.0.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(payload) = self.0.get(HEADER..HEADER + length) else {
            return Ok(None);
        };
        let frame = match (kind, payload) {
            (INPUT, _) => Frame::Input(payload.to_vec()),
            (SIZE, &[a, b, c, d]) => Frame::Size {
                columns: u16::from_le_bytes([a, b]),
                rows: u16::from_le_bytes([c, d]),
            },
            _ => return Err(Malformed),
        };
        self.0.drain(..HEADER + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_whatever_the_pieces() {
        let mut wire = encode_input(b"ls\n");
        wire.extend(encode_size(80, 24));
        wire.extend(encode_input(&[7; 5000]));
        for piece in 1..9 {
            let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
            for bytes in wire.chunks(piece) {
                decoder.push(bytes);
                while let Some(frame) = decoder.next().unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames.len(), 4);
            assert_eq!(frames[0], Frame::Input(b"ls\n".to_vec()));
            assert_eq!(
                frames[1],
                Frame::Size {
                    columns: 80,
                    rows: 24
                }
            );
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut decoder = Decoder::default();
        decoder.push(&[1, 1, 0, 9]);
        assert_eq!(decoder.next(), Err(Malformed));
        let mut decoder = Decoder::default();
        decoder.push(&[2, 0, 0]);
        assert_eq!(decoder.next(), Err(Malformed));
    }
}
