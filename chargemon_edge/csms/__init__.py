"""The chargers' edge: their WebSockets, who may open one, and who is connected. Decides nothing about the site."""
