"""How well the describer describes: pictures the project may ship, what may be said of them, and the score."""
