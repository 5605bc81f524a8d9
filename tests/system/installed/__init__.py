"""The package as a site gets it: built, installed offline on a clean Debian, run by the real systemd."""
