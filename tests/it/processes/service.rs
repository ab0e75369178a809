//! The service that everything is sent to.

use super::*;

/// A stand-in for a vendor, which counts what it was asked by idempotency key.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
    half: Arc<Mutex<bool>>,
    halves: mpsc::Receiver<()>,
}

impl Service {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, half) = (Arc::<Mutex<BTreeMap<_, _>>>::default(), Arc::<Mutex<bool>>::default());
        let (half_sent, halves) = mpsc::channel();
        let (counting, cutting) = (Arc::clone(&seen), Arc::clone(&half));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, counting, cutting) = (stream.unwrap(), Arc::clone(&counting), Arc::clone(&cutting));
                let half_sent = half_sent.clone();
                std::thread::spawn(move || drop(serve(&stream, &counting, &cutting, &half_sent)));
            }
        });
        Self { address, seen, half, halves }
    }

    /// How many requests came for each key; those without one are under their path.
    pub(crate) fn seen(&self) -> BTreeMap<String, u32> {
        self.seen.lock().unwrap().clone()
    }

    /// How many came for one.
    pub(crate) fn count(&self, key: &str) -> u32 {
        self.seen().get(key).copied().unwrap_or(0)
    }

    /// Whether answers stop in the middle from now on.
    pub(crate) fn stop_half_way(&self, half: bool) {
        *self.half.lock().unwrap() = half;
    }

    /// Waits until half an answer was sent.
    pub(crate) fn half_sent(&self) {
        self.halves.recv().unwrap();
    }
}

/// Answers the requests of one connection.
fn serve(
    stream: &TcpStream,
    seen: &Mutex<BTreeMap<String, u32>>,
    half: &Mutex<bool>,
    half_sent: &mpsc::Sender<()>,
) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut path, mut key, mut length) = (String::new(), None, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                None if path.is_empty() => line.trim_end().clone_into(&mut path),
                None => break,
                Some(("idempotency-key", value)) => key = Some(value.to_owned()),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        *seen.lock().unwrap().entry(key.unwrap_or(path)).or_default() += 1;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n";
        if *half.lock().unwrap() {
            writer.write_all(format!("{head}{{\"id\":").as_bytes())?;
            half_sent.send(()).unwrap();
            // until the other side is gone
            drop(reader.read_line(&mut String::new()));
            return Ok(());
        }
        writer.write_all(format!("{head}{{\"id\": \"re_12\"}}").as_bytes())?;
    }
}
