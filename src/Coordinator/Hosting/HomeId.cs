using Vae.Runtime.Actors;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// The name of a home folder, made once, in the file <c>home-id</c>. A database remembers the name of the folder that its sweeps' files lie in, so that a standby with a folder of its own, where none of the
/// models are, is found out at its start and not when it takes over.
/// </summary>
internal static class HomeId
{
    private const string FileName = "home-id";
    private const int LengthMax = 64;

    /// <exception cref="UserFitException">The folder cannot be read or written.</exception>
    public static string LoadOrCreate(string home)
    {
        var file = Path.Combine(home, FileName);
        try
        {
            Directory.CreateDirectory(home);
            if (!File.Exists(file))
            {
                // Two coordinators may do this at once: the first name to be put there stays.
                var fresh = $"{file}.{Guid.NewGuid():N}";
                File.WriteAllText(fresh, $"{Guid.NewGuid():N}\n");
                try
                {
                    File.Move(fresh, file, overwrite: false);
                }
                catch (IOException) when (File.Exists(file))
                {
                    File.Delete(fresh);
                }
            }

            var id = File.ReadAllText(file).Trim();
            return id.Length is > 0 and <= LengthMax ? id : throw new UserFitException($"{file} is damaged: it holds one line of at most {LengthMax} characters. Restore it from a backup.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserFitException($"The home folder {home} cannot be used: {exception.Message}. Name another one with --home.", exception);
        }
    }
}
