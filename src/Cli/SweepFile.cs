using Vae.Cli.Terminal;
using Vae.Shared.Sweeps;

namespace Vae.Cli;

/// <summary>A sweep file that passed every rule.</summary>
/// <param name="Path">As the user named it.</param>
/// <param name="Definition">What it says.</param>
/// <param name="Text">What it says, to the letter.</param>
internal sealed record SweepFile(string Path, SweepDefinition Definition, string Text)
{
    private const long BytesMax = 1024 * 1024; // The parser's own limit, checked before the file is read.

    /// <summary>The folder that relative data paths are meant from.</summary>
    public string BaseDirectory => System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;

    /// <summary>Reads a file; problems are shown to the user, all at once.</summary>
    /// <returns>Null when the file has errors.</returns>
    /// <exception cref="CliException">It cannot be read.</exception>
    public static SweepFile? Read(string path, Output output)
    {
        var (result, _) = Parse(path);
        if (result.Problems.Count > 0) output.Notes.Write(ProblemText.Render(path, result.Text, result.Problems, output.Mode.ColorOn));
        return result.Definition is { } definition ? new SweepFile(path, definition, result.Text) : null;
    }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="CliException">It cannot be read.</exception>
    public static (SweepParseResult Result, long Bytes) Parse(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
            {
                throw new CliException(ExitCode.InvalidInput, Directory.Exists(path) ? $"{path} is a folder, not a sweep file." : $"There is no file {path}.",
                    "Name a sweep file; examples/quickstart.yaml is one to start from.");
            }

            if (file.Length > BytesMax) throw new CliException(ExitCode.InvalidInput, $"{path} has {file.Length:N0} bytes; a sweep file has at most {BytesMax:N0}.");
            return (SweepParser.Parse(File.ReadAllBytes(path).AsSpan()), file.Length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.InvalidInput, $"{path} cannot be read: {exception.Message}");
        }
    }
}
