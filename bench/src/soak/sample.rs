//! Samples of what a server holds.

use anyhow::{Context, Result, ensure};

use crate::http::Http;
use crate::process::Processes;
use crate::scenario::Bench;

/// The kinds of actors, as the server's metrics name them.
const ACTORS: [&str; 3] = ["channel", "user", "connection"];

/// The numbers of one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The resident memory in bytes.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    /// The numbers of channels, users and connections.
    pub(crate) actors: [u64; 3],
}

/// Takes samples.
pub(crate) struct Sampler {
    processes: Processes,
    http: Http,
}

impl Sampler {
    /// Takes samples of this server.
    pub(crate) async fn new(bench: &Bench) -> Result<Self> {
        Ok(Self {
            processes: bench.processes.clone(),
            http: bench.target.backend().await?,
        })
    }

    /// Takes a sample.
    pub(crate) async fn sample(&mut self) -> Result<Sample> {
        let usage = self.processes.usage()?.context("no process is known")?;
        let answer = self
            .http
            .call(b"GET /metrics HTTP/1.1\r\nhost: soak\r\n\r\n")
            .await?;
        let text = String::from_utf8(answer.body)?;
        ensure!(
            answer.status == 200,
            "GET /metrics was answered with {}: {text}",
            answer.status
        );
        let mut actors = [0; 3];
        for (count, kind) in actors.iter_mut().zip(ACTORS) {
            let name = format!("channelstream_actors{{kind=\"{kind}\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&name));
            *count = value
                .and_then(|value| value.parse().ok())
                .with_context(|| format!("GET /metrics does not have {name}"))?;
        }
        Ok(Sample {
            memory: usage.memory,
            descriptors: self.processes.descriptors()?,
            threads: self.processes.threads()?,
            actors,
        })
    }
}
