"""How fast and how sound the product is: the stand-ins for the providers, and what is measured with them."""
