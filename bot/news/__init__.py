"""The newsletter as people meet it beside the broadcasts: asked for by message, on a page, and on paper."""
