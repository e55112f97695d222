//! How the agent starts, ends and is told things, besides its commands.
