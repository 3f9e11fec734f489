"""The simulator of `mime demo`: an SMS phone and a Telegram phone on one page."""
