using System.Text.Json;

namespace Vae.Cli.Local;

/// <summary>
/// What a local worker is told on its standard input once it is known: until then the worker loads libtorch, which takes longer than all else at a start.
/// One line of JSON.
/// </summary>
/// <param name="Coordinator">HOST:PORT.</param>
/// <param name="Device">As <c>vae worker --device</c>.</param>
/// <param name="Threads">As <c>vae worker --threads</c>.</param>
internal sealed record Introduction(string Coordinator, string Device, int Threads)
{
    /// <summary>The line that tells a worker to store where its trials are and to leave.</summary>
    public const string HandOver = "hand over";

    /// <summary>The line, without its end.</summary>
    public string Write() => JsonSerializer.Serialize(this);

    /// <exception cref="CliException">It is no introduction.</exception>
    public static Introduction Read(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<Introduction>(line) ?? throw new JsonException("null");
        }
        catch (JsonException wrong)
        {
            throw new CliException(ExitCode.Usage, $"the first line of standard input is no introduction: {wrong.Message}", "`--coordinator -` is for workers that `vae sweep run` starts; name a HOST:PORT.");
        }
    }
}
