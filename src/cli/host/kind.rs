//! The agent hosts that we know, and where each keeps its MCP servers (measured: OpenClaw 2026.9, Claude Code 2.1,
//! Codex 0.169; Cursor by its documentation).

use std::path::{Path, PathBuf};

/// A program that starts MCP servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Host {
    /// OpenClaw
    #[value(name = "openclaw")]
    OpenClaw,
    /// Claude Code
    #[value(name = "claude-code")]
    ClaudeCode,
    /// Codex
    #[value(name = "codex")]
    Codex,
    /// Cursor
    #[value(name = "cursor")]
    Cursor,
}

/// How a host's file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Format {
    /// JSON without comments.
    Json,
    /// TOML.
    Toml,
}

impl Host {
    /// Every host.
    pub(in crate::cli) const ALL: [Self; 4] = [Self::OpenClaw, Self::ClaudeCode, Self::Codex, Self::Cursor];

    /// The word on the command line, and the caller that the host's agent is to us.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::OpenClaw => "openclaw",
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Cursor => "cursor",
        }
    }

    /// Its name for people.
    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::OpenClaw => "OpenClaw",
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
            Self::Cursor => "Cursor",
        }
    }

    /// The user's own configuration file below `home`.
    pub(in crate::cli) fn config(self, home: &Path) -> PathBuf {
        home.join(match self {
            Self::OpenClaw => ".openclaw/openclaw.json",
            Self::ClaudeCode => ".claude.json",
            Self::Codex => ".codex/config.toml",
            Self::Cursor => ".cursor/mcp.json",
        })
    }

    /// Further files below `home` in which people leave keys for it.
    pub(in crate::cli) fn other_files(self, home: &Path) -> Vec<PathBuf> {
        let names: &[&str] = match self {
            Self::OpenClaw => &[".openclaw/.env"],
            Self::ClaudeCode => &[".claude/settings.json", ".claude/settings.local.json"],
            Self::Codex => &[".codex/.env"],
            Self::Cursor => &[],
        };
        names.iter().map(|name| home.join(name)).collect()
    }

    /// How that file is written.
    pub(in crate::cli) fn format(self) -> Format {
        match self {
            Self::OpenClaw | Self::ClaudeCode | Self::Cursor => Format::Json,
            Self::Codex => Format::Toml,
        }
    }

    /// The keys under which our entry stands.
    pub(in crate::cli) fn place(self) -> &'static [&'static str] {
        match self {
            Self::OpenClaw => &["mcp", "servers", "agentport"],
            Self::ClaudeCode | Self::Cursor => &["mcpServers", "agentport"],
            Self::Codex => &["mcp_servers", "agentport"],
        }
    }

    /// Does it start servers with an environment of its own making, so that the session's bus is missing in it?
    pub(in crate::cli) fn strips_environment(self) -> bool {
        match self {
            Self::OpenClaw | Self::Codex => true,
            Self::ClaudeCode | Self::Cursor => false,
        }
    }
}
