/// The version of this software, as files and `--version` say it.
public let palimpsestVersion = "0.1.0"
