//! The simple handshake (RTMP 1.0, section 5.2): each side sends 1536 bytes
//! and has them sent back. No peer of today insists on more.

use super::Error;

const VERSION: u8 = 3;
const LENGTH: usize = 1536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Hello,
    /// What we sent comes back.
    Echo,
    Done,
}

#[derive(Debug)]
pub struct Handshake {
    step: Step,
    is_server: bool,
}

impl Handshake {
    pub fn server() -> Self {
        Self { step: Step::Hello, is_server: true }
    }

    /// Puts the first words into `out`.
    pub fn client(random: [u8; 32], out: &mut Vec<u8>) -> Self {
        put_hello(random, out);
        Self { step: Step::Hello, is_server: false }
    }

    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Takes what came, as far as it is whole; says how much that was.
    pub fn input(&mut self, input: &[u8], random: [u8; 32], out: &mut Vec<u8>) -> Result<usize, Error> {
        let mut used = 0;
        if self.step == Step::Hello {
            match input.first() {
                Some(&VERSION) => {}
                Some(_) => return Err(Error::NotRtmp),
                None => return Ok(0),
            }
            let Some(theirs) = input.get(1..=LENGTH) else { return Ok(0) };
            if self.is_server {
                put_hello(random, out);
            }
            out.extend(theirs);
            used = 1 + LENGTH;
            self.step = Step::Echo;
        }
        if self.step == Step::Echo && input.len() >= used + LENGTH {
            // What comes back is not compared: some peers send their own.
            used += LENGTH;
            self.step = Step::Done;
        }
        Ok(used)
    }
}

fn put_hello(random: [u8; 32], out: &mut Vec<u8>) {
    out.push(VERSION);
    // Time and zeros; the zeros say that this is no digest handshake.
    out.extend([0; 8]);
    let filler = random.iter().cycle().take(LENGTH - 8);
    out.extend(filler);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_shake_hands_whatever_the_pieces() {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let mut client = Handshake::client([1; 32], &mut to_server);
        let mut server = Handshake::server();
        let mut sent = [0, 0];
        for _ in 0..20 {
            let end = to_server.len().min(sent[0] + 700);
            sent[0] += server
                .input(&to_server[sent[0]..end.max(sent[0] + 1537).min(to_server.len())], [2; 32], &mut to_client)
                .expect("sound");
            sent[1] += client.input(&to_client[sent[1]..], [1; 32], &mut to_server).expect("sound");
        }
        assert!(client.is_done() && server.is_done());
        assert_eq!((sent[0], sent[1]), (to_server.len(), to_client.len()));
        assert_eq!(to_server[1..1537], to_client[1537..], "each hears its own words");
    }

    #[test]
    fn another_protocol_is_told_at_its_first_byte() {
        let answer = Handshake::server().input(b"GET / HTTP/1.1", [0; 32], &mut Vec::new());
        assert_eq!(answer, Err(Error::NotRtmp));
    }
}
