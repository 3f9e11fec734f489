"""Stand-ins for Telegram and Twilio: real HTTP servers on loopback that hold every request to the provider's rules."""
