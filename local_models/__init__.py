"""Speech and language models of this machine, behind Deepgram's and OpenAI's own protocols."""
